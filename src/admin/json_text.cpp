#include "admin/json_text.hpp"

#include "trace/trace.hpp"

namespace nsupcall::admin {

std::string json_string(std::string_view text) {
    std::string copy(text);
    try {
        (void)nlohmann::json(copy).dump();  // throws where it is no UTF-8
        return copy;
    } catch (const nlohmann::json::exception&) {
        constexpr std::size_t kLimit = 64 * 1024;
        return escape(text, kLimit);
    }
}

nlohmann::ordered_json optional_text(std::string_view text) {
    return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(json_string(text));
}

nlohmann::ordered_json optional_time(std::int64_t time) {
    return time == 0 ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(time);
}

std::string print_json(const nlohmann::ordered_json& document, int indent) {
    return document.dump(indent, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace nsupcall::admin
