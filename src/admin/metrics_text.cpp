#include "admin/metrics_text.hpp"

#include "trace/trace.hpp"

namespace nsupcall::admin {

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::put(const Labels& labels, std::string_view suffix, std::string_view value) {
    out_ += name_;
    out_ += suffix;
    if (!labels.empty()) {
        out_ += '{';
        for (std::size_t at = 0; at < labels.size(); ++at)
            out_ += fmt::format("{}{}=\"{}\"", at == 0 ? "" : ",", labels[at].first,
                                label_value(labels[at].second));
        out_ += '}';
    }
    out_ += fmt::format(" {}\n", value);
}

std::string label_value(std::string_view text) {
    constexpr std::size_t kMost = 125;  // with "..." behind
    std::string out;
    for (const char c : escape(text, kMost)) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

}  // namespace nsupcall::admin
