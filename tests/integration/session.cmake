# Whose session a kernel thread asks for.
foreach(name session_reconnect session_records session_mounter)
    nsupcall_add_test(${name} LABEL integration LIBRARIES nsupcall_upcall_test)
    target_compile_definitions(test_integration_${name} PRIVATE
        NSUPCALL_HELPER_PATH="$<TARGET_FILE:cifs.upcall>"
        NSUPCALL_PRIVATE_LOG_PATH="$<TARGET_FILE:private_log>")
    add_dependencies(test_integration_${name} private_log)
endforeach()
