#include "engine/channel.hpp"
#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(engine_question) {
    using nsupcall::fuzz::require;
    const auto text = input.text();
    const auto question = nsupcall::engine::parse_question({text.data(), text.size()});
    if (!question) return;
    require(question->key > 0);
    require(!question->arguments.empty() && question->arguments.size() <= nsupcall::engine::kArgumentsMost);
    require(!question->description.empty() && text.ends_with(question->description));
    require(!question->keys);
}
