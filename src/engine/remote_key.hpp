#pragma once
/// @file
/// A key over which a front end holds the authority.

#include "engine/channel.hpp"
#include "engine/refusals.hpp"
#include "keys/key_service.hpp"

namespace nsupcall::engine {

/// Answers by way of the front end, which does the one system call that this process may not do.
class RemoteKey final : public PendingKey {
  public:
    /// @param question    borrowed
    /// @param channel_fd  borrowed
    /// @param refusals    borrowed
    RemoteKey(const Question& question, int channel_fd, const Refusals& refusals)
        : PendingKey(question.key), question_(question), channel_fd_(channel_fd), refusals_(refusals) {}

    [[nodiscard]] nsutil::Result<std::string> describe() const override { return question_.description; }
    [[nodiscard]] nsutil::Result<void> instantiate(std::span<const std::byte> payload) const override;
    /// After a payload that could not be put on the key this does nothing: the front end has rejected it.
    [[nodiscard]] nsutil::Result<void> reject(int code) const override;
    [[nodiscard]] nsutil::Result<void> reject_forged(int code) const override;
    [[nodiscard]] nsutil::Result<std::string> visible_keys() const override;
    void use_deadline(const nsutil::Deadline& deadline) const override;

  private:
    [[nodiscard]] nsutil::Result<void> reject(int code, unsigned hold_ms) const;
    [[nodiscard]] nsutil::Result<void> finish(const Answer& answer, std::span<const std::byte> payload) const;

    const Question& question_;
    int channel_fd_;
    const Refusals& refusals_;
    mutable bool answered_ = false;
};

/// Arms the last word (helpers/last_word.hpp) for a process that answers through `channel_fd`.
void arm_remote_last_word(int channel_fd, const nsutil::Deadline& deadline);

}  // namespace nsupcall::engine
