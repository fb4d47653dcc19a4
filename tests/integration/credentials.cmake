# Where credentials come from.
foreach(name credentials_conditions credentials_keyring credentials_kcm credentials_rules credentials_places
        credentials_gssproxy credentials_kept)
    nsupcall_add_test(${name} LABEL integration LIBRARIES nsupcall_upcall_test ENGINE)
    target_compile_definitions(test_integration_${name} PRIVATE
        NSUPCALL_HELPER_PATH="$<TARGET_FILE:cifs.upcall>"
        NSUPCALL_PRIVATE_LOG_PATH="$<TARGET_FILE:private_log>")
    add_dependencies(test_integration_${name} private_log)
endforeach()
