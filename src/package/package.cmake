# Debian packages by CPack: nsupcall, and libnsutil-dev with the namespace library. `cmake --workflow --preset package`
# makes both; docs/INSTALL.md tells what they do.
set(NSUPCALL_PACKAGE_CONTACT "nsupcall maintainers <maintainers@nsupcall.example>" CACHE STRING "Who answers for the packages")

set(package_work ${CMAKE_BINARY_DIR}/package)
foreach(name changelog copyright finish.cmake)
    configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.in ${package_work}/${name} @ONLY)
endforeach()
foreach(name postinst prerm postrm)
    configure_file(${CMAKE_CURRENT_LIST_DIR}/${name} ${package_work}/${name} COPYONLY
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()
file(WRITE ${package_work}/conffiles "/etc/nsupcall.conf\n")
file(CHMOD ${package_work}/conffiles PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)  # whatever the umask

set(CPACK_GENERATOR DEB)
# Each package has a summary of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_NAME nsupcall)
set(CPACK_PACKAGE_CONTACT ${NSUPCALL_PACKAGE_CONTACT})
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL nsupcall development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
# What CMake cannot install below a prefix, and what Debian wants done with manuals.
set(CPACK_PRE_BUILD_SCRIPTS ${package_work}/finish.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

set(CPACK_DEBIAN_NSUPCALL_PACKAGE_NAME nsupcall)
set(CPACK_DEBIAN_NSUPCALL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_NSUPCALL_PACKAGE_SHLIBDEPS ON)
# request-key, which the kernel runs, is keyutils'.
set(CPACK_DEBIAN_NSUPCALL_PACKAGE_DEPENDS keyutils)
# mount.cifs; what is opened on demand: gssproxy's way to a ticket, the agent's HTTP.
set(CPACK_DEBIAN_NSUPCALL_PACKAGE_RECOMMENDS "cifs-utils, libgssapi-krb5-2, libmicrohttpd12")
set(CPACK_DEBIAN_NSUPCALL_PACKAGE_SUGGESTS "krb5-user, libsss-nss-idmap0, libwbclient0")
set(CPACK_DEBIAN_NSUPCALL_PACKAGE_CONTROL_EXTRA
    ${package_work}/conffiles ${package_work}/postinst ${package_work}/prerm ${package_work}/postrm)
set(CPACK_COMPONENT_NSUPCALL_DESCRIPTION
"CIFS upcall helpers for hosts that run containers
When a process touches an SMB share that is mounted with sec=krb5, the
Linux kernel asks user space for a ticket. nsupcall answers: it steps into
that process's own namespaces, as that process's own user, in a sealed
child, and finds the ticket there.

It takes the place of cifs.upcall and cifs.idmap of cifs-utils, which may
stay installed, by rules of request-key. nsupcall(8), the administrator's
command, explains what the kernel was told and why.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libnsutil-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libboost-filesystem-dev, libmount-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"Linux namespaces, id maps and sandboxes for C++23
The library below nsupcall, static, with headers that state its contracts,
a CMake package and pkg-config files: tasks that are pinned, namespaces
that are entered for good, id maps, mount tables, children with deadlines.")
include(CPack)
