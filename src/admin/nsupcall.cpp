/// @file
/// nsupcall: the administrator's command. See nsupcall(8).

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>

#include "admin/help_format.hpp"
#include "admin/subcommands.hpp"
#include "trace/trace.hpp"

int main(int argc, char** argv) {
    int status = nsupcall::admin::kExitGood;
    try {
        CLI::App app{"Explains, shows and checks the upcalls of CIFS mounts, also in containers", "nsupcall"};
        app.formatter(std::make_shared<nsupcall::admin::ScreenFormatter>());
        app.set_version_flag("-V,--version", "nsupcall " NSUPCALL_VERSION);
        app.require_subcommand(1);
        app.footer("Manual: nsupcall(8), and nsupcall-SUBCOMMAND(8) for each.");
        for (const auto add : nsupcall::admin::kSubcommands) add(app, status);
        // CLI11 would only say that one is required.
        const std::string_view first = argc > 1 ? argv[1] : "-";
        const auto all = app.get_subcommands([](CLI::App*) { return true; });
        if (!first.starts_with('-') && std::ranges::find(all, first, &CLI::App::get_name) == all.end()) {
            (void)std::fprintf(stderr, "nsupcall: there is no subcommand %s; nsupcall --help lists them\n",
                               nsupcall::escape(first, 64).c_str());
            return nsupcall::admin::kExitUsage;
        }
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
