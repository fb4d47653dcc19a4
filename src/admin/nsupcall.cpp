/// @file
/// nsupcall: the administrator's command. See nsupcall(8).

#include <cstdio>
#include <exception>
#include <memory>

#include "admin/help_format.hpp"
#include "admin/subcommands.hpp"

int main(int argc, char** argv) {
    int status = nsupcall::admin::kExitGood;
    try {
        CLI::App app{"Explains, shows and checks the upcalls of CIFS mounts, also in containers",
                     "nsupcall"};
        app.formatter(std::make_shared<nsupcall::admin::ScreenFormatter>());
        app.set_version_flag("-V,--version", "nsupcall " NSUPCALL_VERSION);
        app.require_subcommand(1);
        app.footer("Manual: nsupcall(8), and nsupcall-SUBCOMMAND(8) for each.");
        for (const auto add : nsupcall::admin::kSubcommands) add(app, status);
        try {
            app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return app.exit(error) == 0 ? nsupcall::admin::kExitGood : nsupcall::admin::kExitUsage;
        }
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "nsupcall: %s\n", error.what());
        return nsupcall::admin::kExitUnknown;
    }
    return std::fflush(stdout) == 0 ? status : nsupcall::admin::kExitUnknown;
}
