#include "net/http_target.h"

#include <algorithm>

namespace millrace::net {

bool split_target(std::string_view target, HttpRequest& request) {
  if (target == "*") {
    request.path = target;
    return request.method == HttpMethod::kOptions;
  }
  if (!target.starts_with('/')) {
    const auto scheme = target.find("://");
    if (scheme == std::string_view::npos) return false;
    target.remove_prefix(scheme + 3);
    target.remove_prefix(std::min(target.size(), target.find_first_of("/?")));
  }
  const auto query = target.find('?');
  request.path = target.substr(0, query);
  if (request.path.empty()) request.path = "/";
  if (query != std::string_view::npos) request.query = target.substr(query + 1);
  return true;
}

}  // namespace millrace::net
