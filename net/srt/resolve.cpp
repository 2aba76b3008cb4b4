// resolve() of net/srt/caller.h.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <fmt/format.h>

#include <string>

#include "net/srt/caller.h"

namespace millrace::net::srt {

void resolve(EventLoop& loop, const std::string& host, std::uint16_t port,
             std::function<void(Result<std::string>)> reply) {
  using boost::asio::ip::udp;
  // Asio waits for the name server on a thread of its own.
  const auto resolver = std::make_shared<udp::resolver>(loop.context());
  resolver->async_resolve(
      host, std::to_string(port),
      [resolver, reply = std::move(reply)](const boost::system::error_code& error,
                                           const udp::resolver::results_type& results) {
        if (error || results.empty())
          return reply(
              Error{ErrorCode::kSystem, "the host's name has no address: " + error.message()});
        const auto endpoint = results.begin()->endpoint();
        const std::string address = endpoint.address().to_string();
        reply(endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                         : fmt::format("{}:{}", address, endpoint.port()));
      });
}

}  // namespace millrace::net::srt
