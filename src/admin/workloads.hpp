#pragma once
/// @file
/// What containers and pods are called, from files of the host alone.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nsupcall::admin {

/// One container, as far as the host knows it. Texts may be chosen by whoever made the container: escape
/// them before showing.
struct Workload {
    std::string id;             ///< 64 digits; empty where its control group names none
    std::string runtime;        ///< "podman", "docker", "containerd", "cri-o"; empty unknown
    std::string name;           ///< the container's; empty unknown
    std::string pod_uid;        ///< of Kubernetes, with dashes; empty for none
    std::string pod_namespace;  ///< empty unknown
    std::string pod_name;       ///< empty unknown

    /// "ns/pod/name", "name", the first twelve digits of the id, or empty: not escaped.
    [[nodiscard]] std::string title() const;
    friend bool operator==(const Workload&, const Workload&) = default;
};

/// What a control group's path says: id, runtime, and the pod's uid. A name, not a proof (see
/// request/container_id.hpp).
/// @param cgroup_text  of /proc/<tid>/cgroup
[[nodiscard]] Workload workload_of_cgroup(std::string_view cgroup_text);

/// The names that container engines and the kubelet leave in files of root's: podman's and CRI-O's storage,
/// Docker's configurations, the kubelet's log folders. Files that somebody else owns or may write to, links
/// in their places, and anything past a limit do not count. Containers of rootless podman keep their names in
/// their owner's home, which is not read.
class Workloads {
  public:
    static constexpr std::size_t kFileMost = 32UL * 1024 * 1024;  ///< bytes of one file
    static constexpr std::size_t kEntriesMost = 20'000;           ///< of one folder

    /// @param root  folder that stands for "/"; empty for the host's own
    [[nodiscard]] static Workloads load(const std::string& root = {});

    /// Fills in what the files know.
    void complete(Workload& workload) const;

    /// All containers known by name, in no order.
    [[nodiscard]] std::vector<Workload> all() const;

  private:
    void load_storage(int folder_fd, const char* file);
    void load_docker(const std::string& folder);
    void load_log_links(const std::string& folder);
    void load_pod_folders(const std::string& folder);

    std::unordered_map<std::string, Workload> by_id_;
    std::unordered_map<std::string, Workload> by_pod_uid_;
};

/// Whether `text`, as people give it on a command line, means this container: its name, or at least six first
/// digits of its id.
[[nodiscard]] bool is_called(const Workload& workload, std::string_view text);

/// The same of a pod: "namespace/name", or its uid.
[[nodiscard]] bool is_pod(const Workload& workload, std::string_view text);

}  // namespace nsupcall::admin
