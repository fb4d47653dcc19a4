#pragma once
/// @file
/// A folder that looks like the root of a machine with keyutils, cifs-utils and nsupcall.

#include <filesystem>
#include <map>
#include <string>

#include "support/must.hpp"
#include "support/nsupcall_command.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

/// keyutils' and cifs-utils' rules are there as Debian has them; the helpers below /opt/ns/sbin are ours.
class MachineRoot {
  public:
    MachineRoot() : folder_(must(TempDir::create())) {
        for (const char* folder : {"sbin", "usr/sbin", "opt/ns/sbin", "etc/request-key.d"})
            std::filesystem::create_directories(path() / folder);
        write("/sbin/request-key", "program", 0755);
        write("/usr/sbin/cifs.upcall", "the other one", 0755);
        write("/usr/sbin/cifs.idmap", "the other one", 0755);
        for (const char* name : {"cifs.upcall", "cifs.idmap"})
            std::filesystem::copy_file(std::filesystem::path(NSUPCALL_HELPER_PATH).parent_path() / name,
                                       path() / "opt/ns/sbin" / name);
        write("/etc/request-key.conf",
              "create\tdns_resolver *\t\t*\t/sbin/key.dns_resolver %k\n"
              "create  user  debug:*  *  /usr/share/keyutils/request-key-debug.sh %k %d %c %S\n");
        write("/etc/request-key.d/cifs.spnego.conf", "create  cifs.spnego    * * /usr/sbin/cifs.upcall %k\n");
        write("/etc/request-key.d/cifs.idmap.conf", "create  cifs.idmap    * * /usr/sbin/cifs.idmap %k\n");
    }

    [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
    [[nodiscard]] std::filesystem::path at(const std::string& inner) const {
        return path() / inner.substr(1);
    }
    void write(const std::string& inner, const std::string& content, mode_t mode = 0644) const {
        must(write_file(at(inner), content, mode));
    }
    [[nodiscard]] std::string read(const std::string& inner) const { return must(read_file(at(inner))); }

    /// Names and contents of what is in request-key's folder.
    [[nodiscard]] std::map<std::string, std::string> rules() const {
        std::map<std::string, std::string> all;
        for (const auto& entry : std::filesystem::directory_iterator(at("/etc/request-key.d")))
            all[entry.path().filename()] = entry.is_symlink() ? "-> " + read_symlink(entry.path()).string()
                                                              : must(read_file(entry.path()));
        return all;
    }

    /// nsupcall COMMAND --root <this> ARGUMENTS...
    [[nodiscard]] Finished run(const std::string& command, std::vector<std::string> arguments = {}) const {
        arguments.insert(arguments.begin(), {command, "--root", path()});
        return nsupcall_command(std::move(arguments));
    }
    [[nodiscard]] Finished install(std::vector<std::string> arguments = {}) const {
        arguments.insert(arguments.begin(), {"--prefix", "/opt/ns"});
        return run("install", std::move(arguments));
    }

  private:
    TempDir folder_;
};

}  // namespace nsupcall::test
