#include "net/http_method.h"

#include <array>
#include <utility>

namespace millrace::net {

HttpMethod http_method_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, HttpMethod>, 6> kMethods{{
      {"GET", HttpMethod::kGet},
      {"HEAD", HttpMethod::kHead},
      {"OPTIONS", HttpMethod::kOptions},
      {"POST", HttpMethod::kPost},
      {"PUT", HttpMethod::kPut},
      {"DELETE", HttpMethod::kDelete},
  }};
  for (const auto& [known, method] : kMethods)
    if (known == name) return method;
  return HttpMethod::kOther;
}

}  // namespace millrace::net
