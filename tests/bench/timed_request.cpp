#include "bench/timed_request.hpp"

#include <keyutils.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>

namespace nsupcall::bench {

TimedAnswer timed_request(const Question& question) {
    TimedAnswer answer;
    const auto begin = std::chrono::steady_clock::now();
    const auto key = ::request_key(question.type.c_str(), question.description.c_str(),
                                   question.callout.c_str(), KEY_SPEC_THREAD_KEYRING);
    const int error = errno;
    answer.microseconds =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    if (key < 0) {
        answer.error = error;
    } else {
        void* payload = nullptr;
        const int size = ::keyctl_read_alloc(key, &payload);
        const std::unique_ptr<void, decltype(&std::free)> owner(payload, std::free);
        if (size < 0)
            answer.error = errno;
        else
            answer.payload.assign(static_cast<const char*>(payload), static_cast<std::size_t>(size));
    }
    // A rejected key is linked as well.
    (void)::keyctl_clear(KEY_SPEC_THREAD_KEYRING);
    return answer;
}

}  // namespace nsupcall::bench
