#include "net/tls_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "net/tls_relay.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::net;

namespace {

/// Two authorities, "ours" and "theirs", each with a certificate for 127.0.0.1.
struct Certificates {
  Certificates() {
    std::signal(SIGPIPE, SIG_IGN);  // As the programs do.
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "names") << "subjectAltName=IP:127.0.0.1";
    for (const std::string name : {"ours", "theirs"}) {
      run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
          "-subj /CN=authority -keyout " +
          name + ".ca.key -out " + name + ".ca.pem");
      run("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name +
          " -keyout " + name + ".key -out " + name + ".csr");
      run("x509 -req -in " + name + ".csr -CA " + name + ".ca.pem -CAkey " + name +
          ".ca.key -CAcreateserial -days 30 -extfile names -out " + name + ".pem");
    }
  }
  ~Certificates() { std::filesystem::remove_all(folder); }

  void run(const std::string& arguments) const {
    const std::string command =
        "cd " + folder.string() + " && openssl " + arguments + " 2>/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
  }
  /// With `name`'s certificate, and trust in `trusted`'s.
  std::unique_ptr<TlsContext> context(const std::string& name, const std::string& trusted,
                                      bool is_client) {
    auto created = create_tls_context({.certificate_file = folder / (name + ".pem"),
                                       .key_file = folder / (name + ".key"),
                                       .ca_file = folder / (trusted + ".ca.pem"),
                                       .is_client = is_client,
                                       .check_interval = 0ms},
                                      metrics);
    REQUIRE(created.has_value());
    return std::move(created).value();
  }

  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tls_client_" + std::to_string(::getpid()));
  Metrics metrics;
};

Certificates& certificates() {
  static Certificates made;
  return made;
}

/// A process that serves one connection, on a thread of ours.
struct Host {
  explicit Host(std::unique_ptr<TlsContext> its_tls) : tls(std::move(its_tls)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    thread = std::thread([this] { serve(); });
  }
  ~Host() {
    join();
    for (const int end : ends) ::close(end);
    ::close(listener);
  }

  std::string address(const std::string& host = "127.0.0.1") const {
    return host + ":" + std::to_string(port);
  }
  void join() {
    if (thread.joinable()) thread.join();
  }
  void serve() {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    {
      TlsStream stream(tls->current(), socket);
      status = shake_hands(stream, socket, 10s);
      if (status.has_value()) {
        peer = stream.peer_name();
        status = relay(stream, socket, ends[0]);
        if (status.has_value() && says_goodbye) say_goodbye(stream, socket, 10s);
      }
    }
    ::close(socket);
    ::shutdown(ends[0], SHUT_RDWR);  // As the end of its process does.
  }

  std::unique_ptr<TlsContext> tls;
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port = 0;
  std::array<int, 2> ends{};  ///< Of the plain socket: the relay's, and the one behind it.
  bool says_goodbye = true;
  Status status = ok();
  std::string peer;
  std::thread thread;
};

struct Client {
  Client(std::unique_ptr<TlsContext> its_tls, const std::string& address)
      : tls(std::move(its_tls)) {
    connection = connect_tls(*tls, address, loop,
                             {.on_received =
                                  [this](std::span<const std::uint8_t> bytes) {
                                    received.append(bytes.begin(), bytes.end());
                                    if (received.size() >= stop_at) loop.stop();
                                  },
                              .on_ended =
                                  [this](Status how) {
                                    ended = std::move(how);
                                    loop.stop();
                                  }});
    give_up.start(20s, [this] { loop.stop(); });
  }
  void run() {
    loop.poll();  // Undoes an earlier stop.
    if (!ended) loop.run();
  }
  /// Why it ended; "" as it should, or not at all.
  std::string why() const { return ended && !ended->has_value() ? ended->error().message : ""; }

  std::unique_ptr<TlsContext> tls;
  EventLoop loop;
  Timer give_up{loop};
  std::string received;
  std::size_t stop_at = SIZE_MAX;
  std::optional<Status> ended;
  std::unique_ptr<TlsConnection> connection;
};

/// Reads all that comes, then says it all again.
void echo(int socket) {
  std::string all(4096, 0);
  std::size_t size = 0;
  for (ssize_t count = 0; (count = ::recv(socket, all.data() + size, all.size() - size, 0)) > 0;) {
    size += static_cast<std::size_t>(count);
    if (size == all.size()) all.resize(size * 2);
  }
  for (std::size_t sent = 0; sent < size;) {
    const ssize_t count = ::send(socket, all.data() + sent, size - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  ::shutdown(socket, SHUT_WR);
}

bool has(const std::string& text, std::string_view part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("all that is sent comes through, and after one's end the other's", "[tls_client]") {
  Certificates& files = certificates();
  Host host(files.context("ours", "ours", false));
  std::thread behind([&host] { echo(host.ends[1]); });
  Client client(files.context("ours", "ours", true), host.address());
  std::string large(3'000'000, 0);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 / 1000);
  client.connection->send(Bytes::copy_of("hello "));
  client.connection->send(Bytes::copy_of(large));
  client.connection->close_sending();
  client.run();
  behind.join();
  REQUIRE(client.ended);
  CHECK(client.ended->has_value());
  CHECK(client.received.size() == large.size() + 6);
  CHECK((client.received == "hello " + large));
  client.connection.reset();
  host.join();
  CHECK(host.peer == "ours");
  CHECK(host.status.has_value());
}

TEST_CASE("who has no certificate of the authority gets no connection, and is told",
          "[tls_client]") {
  Certificates& files = certificates();
  SECTION("the host") {
    Host host(files.context("theirs", "ours", false));
    Client client(files.context("ours", "ours", true), host.address());
    client.run();
    CHECK(has(client.why(), "certificate verify failed"));
    host.join();
    CHECK_FALSE(host.status.has_value());
  }
  SECTION("the client") {
    Host host(files.context("ours", "ours", false));
    Client client(files.context("theirs", "ours", true), host.address());
    client.run();
    CHECK(has(client.why(), "unknown ca"));
    host.join();
    CHECK(has(host.status.error().message, "certificate verify failed"));
  }
  SECTION("the host, whose certificate is another's") {
    Host host(files.context("ours", "ours", false));
    Client client(files.context("ours", "ours", true), host.address("localhost"));
    client.run();
    CHECK(has(client.why(), "hostname mismatch"));
  }
}

TEST_CASE("where nobody listens there is no connection", "[tls_client]") {
  Certificates& files = certificates();
  std::string address;
  {
    Host host(files.context("ours", "ours", false));
    address = host.address();
    ::shutdown(host.listener, SHUT_RDWR);
  }
  Client client(files.context("ours", "ours", true), address);
  client.run();
  CHECK(has(client.why(), "no connection: "));
}

TEST_CASE("a connection that is lost is no end", "[tls_client]") {
  Certificates& files = certificates();
  Host host(files.context("ours", "ours", false));
  host.says_goodbye = false;
  std::thread behind([&host] { echo(host.ends[1]); });
  Client client(files.context("ours", "ours", true), host.address());
  client.connection->send(Bytes::copy_of("hello"));
  client.connection->close_sending();
  client.run();
  behind.join();
  CHECK(client.received == "hello");
  CHECK(client.why() == "tls: connection lost");
}

TEST_CASE("a client that goes is noticed though nothing moves", "[tls_client]") {
  Certificates& files = certificates();
  Host host(files.context("ours", "ours", false));
  Client client(files.context("ours", "ours", true), host.address());
  client.stop_at = 5;
  REQUIRE(::send(host.ends[1], "hello", 5, 0) == 5);
  client.run();
  CHECK(client.received == "hello");
  client.connection.reset();
  char byte = 0;
  CHECK(::recv(host.ends[1], &byte, 1, 0) == 0);
  host.join();
  CHECK_FALSE(host.status.has_value());
}

TEST_CASE("what the other side does not read stays with the sender", "[tls_client]") {
  Certificates& files = certificates();
  Host host(files.context("ours", "ours", false));
  Client client(files.context("ours", "ours", true), host.address());
  client.stop_at = 1;
  REQUIRE(::send(host.ends[1], "!", 1, 0) == 1);
  client.run();
  const std::string large(1'000'000, 'x');
  for (int i = 0; i < 40; ++i) client.connection->send(Bytes::copy_of(large));
  client.connection->close_sending();
  for (int i = 0; i < 100; ++i) client.loop.poll();
  std::thread behind([&host] { echo(host.ends[1]); });
  client.stop_at = SIZE_MAX;
  client.run();
  behind.join();
  CHECK(client.received.size() == 40'000'001);
}

TEST_CASE("a stranger that says nothing is not waited for", "[tls_client]") {
  Certificates& files = certificates();
  const auto tls = files.context("ours", "ours", false);
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
  {
    TlsStream stream(tls->current(), ends[0]);
    const auto status = shake_hands(stream, ends[0], 1ms);
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == ErrorCode::kTimedOut);
  }
  for (const int end : ends) ::close(end);
}

TEST_CASE("the authority's file is looked at too", "[tls_client]") {
  Certificates& files = certificates();
  std::ofstream(files.folder / "empty.pem") << "nothing";
  const auto created = create_tls_context({.certificate_file = files.folder / "ours.pem",
                                           .key_file = files.folder / "ours.key",
                                           .ca_file = files.folder / "empty.pem",
                                           .key_prefix = "transcode.remote_",
                                           .check_interval = 0ms},
                                          files.metrics);
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().message.starts_with("transcode.remote_ca: "));
}
