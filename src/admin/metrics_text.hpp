#pragma once
/// @file
/// Metrics as Prometheus reads them.

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsupcall::admin {

/// Writes families of samples one after the other, in Prometheus' text format 0.0.4.
/// @source https://prometheus.io/docs/instrumenting/exposition_formats/
class MetricsText {
  public:
    using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

    /// Begins a family: the samples that follow are its own.
    /// @param type  "counter", "gauge" or "histogram"
    void family(std::string_view name, std::string_view type, std::string_view help);

    /// @param labels  values from anywhere: they are escaped
    /// @param suffix  of a histogram's parts: "_bucket", "_sum", "_count"
    template <class Number>
    void sample(const Labels& labels, Number value, std::string_view suffix = {}) {
        put(labels, suffix, fmt::format("{}", value));
    }

    /// A family of one sample without labels.
    template <class Number>
    void gauge(std::string_view name, std::string_view help, Number value) {
        family(name, "gauge", help);
        sample({}, value);
    }

    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void put(const Labels& labels, std::string_view suffix, std::string_view value);

    std::string out_, name_;
};

/// A label's value: at most 128 bytes, \xNN for what is no printable text, then as the format wants it.
[[nodiscard]] std::string label_value(std::string_view text);

}  // namespace nsupcall::admin
