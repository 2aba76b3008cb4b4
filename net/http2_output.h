#pragma once
// HTTP/2 frames on their way to the connection: what frames them in one buffer, bodies shared.
// Private to net/. One thread.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace millrace::net {

class Http2Output {
 public:
  /// As much as is handed to the connection at once; what has a higher priority waits so long.
  static constexpr std::size_t kMaxBytes = 256 * 1024;

  void add_framing(std::string_view bytes);
  void add_body(Bytes bytes);

  bool empty() const { return size_ == 0; }
  bool is_full() const { return size_ >= kMaxBytes; }
  /// In the order of their coming, ready for HttpConnection::send(); nothing is left here.
  std::vector<Bytes> take();

 private:
  std::string framing_;
  std::vector<std::pair<std::size_t, Bytes>> bodies_;  // Each behind so much of `framing_`.
  std::size_t size_ = 0;
};

}  // namespace millrace::net
