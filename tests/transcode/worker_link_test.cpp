#include "transcode/worker_link.h"

#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "tests/support/fake_clock.h"
#include "transcode/remote_hosts.h"
#include "transcode/worker/protocol.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

/// A host's end of a connection, for as long as the link has it.
struct Peer {
  std::string address;
  net::TlsConnectionEvents events;
  std::string sent = {};
  bool is_closed = false;
  bool is_gone = false;
};

struct FakeConnection final : net::TlsConnection {
  explicit FakeConnection(Peer& its_peer) : peer(its_peer) {}
  ~FakeConnection() override { peer.is_gone = true; }
  void send(Bytes bytes) override { peer.sent += bytes.text(); }
  void close_sending() override { peer.is_closed = true; }
  Peer& peer;
};

/// Two hosts, and a link's worker on one of them; here it is a shell that says what it hears.
struct Fixture {
  Fixture() {
    log::set_level(log::Level::kOff);
    std::ofstream(script) << "#!/bin/sh\ncat <&3 >&3\n";
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    give_up.start(20s, [this] { loop.stop(); });
  }
  ~Fixture() {
    std::filesystem::remove(script);
    log::set_level(log::Level::kInfo);
  }

  WorkerEvents events() {
    return {.on_received = [this](auto bytes) { received.append(bytes.begin(), bytes.end()); },
            .on_exited =
                [this](auto how) {
                  exited = std::move(how);
                  loop.stop();
                },
            .on_no_host =
                [this] {
                  link.reset();  // As a ladder does.
                  ++no_hosts;
                  loop.stop();
                }};
  }
  void start() {
    link = start_remote_worker(hosts, "shop", loop, events(), patience);
    REQUIRE(link);
  }
  void send(std::string_view text) { link->send(Bytes::copy_of(text)); }
  static void say(Peer& peer, const Bytes& bytes) { peer.events.on_received(bytes.span()); }

  net::EventLoop loop;
  net::Timer give_up{loop};
  test::FakeClock clock;
  Metrics metrics;
  const std::filesystem::path script =
      std::filesystem::temp_directory_path() / ("millrace-link-test-" + std::to_string(::getpid()));
  std::chrono::milliseconds patience{1h};
  std::deque<Peer> peers;
  RemoteHosts hosts{
      {"a:1", "b:1"},
      [this](const std::string& address, net::EventLoop&, net::TlsConnectionEvents events) {
        peers.push_back({address, std::move(events)});
        return std::make_unique<FakeConnection>(peers.back());
      },
      metrics,
      clock};
  std::string received, exited;
  int no_hosts = 0;
  std::unique_ptr<WorkerLink> link;
};

const std::string kReady{worker::write_ready().text()};

}  // namespace

TEST_CASE("a worker that greets has what was sent, and what it says comes on", "[worker_link]") {
  Fixture f;
  f.start();
  f.send("one ");
  REQUIRE(f.peers.size() == 1);
  // Half a greeting is none.
  f.say(f.peers[0], worker::write_ready().slice(0, 3));
  CHECK(f.received.empty());
  f.say(f.peers[0], worker::write_ready().slice(3));
  CHECK(f.received == kReady);
  f.send("two");
  f.say(f.peers[0], Bytes::copy_of("more"));
  CHECK(f.peers[0].sent == "one two");
  CHECK(f.received == kReady + "more");
  CHECK_FALSE(f.link->is_here());
  f.link->close_sending();
  CHECK(f.peers[0].is_closed);
  f.peers[0].events.on_ended(ok());
  CHECK(f.exited == "exit code 0");
  f.link.reset();
  CHECK(f.peers[0].is_gone);
}

TEST_CASE("a host without a worker is passed over, and the next one gets all that was sent",
          "[worker_link]") {
  Fixture f;
  f.start();
  f.send("one ");
  SECTION("it cannot be reached") {
    f.peers[0].events.on_ended(Error{ErrorCode::kClosed, "no connection"});
  }
  SECTION("it has no room") {
    f.say(f.peers[0], worker::write_failure("full: 4 workers run"));
  }
  SECTION("it ends without a word") {
    f.peers[0].events.on_ended(ok());
  }
  SECTION("it is no worker") {
    f.say(f.peers[0], Bytes::copy_of("HTTP/1.1 400 Bad Request\r\n"));
  }
  SECTION("it is of another version") {
    std::string ready = kReady;
    ready.back() = static_cast<char>(ready.back() + 1);
    f.say(f.peers[0], Bytes::copy_of(ready));
  }
  REQUIRE(f.peers.size() == 2);
  CHECK(f.peers[0].is_gone);
  CHECK(f.peers[1].address == "b:1");
  CHECK(f.peers[1].sent == "one ");
  f.send("two");
  f.say(f.peers[1], worker::write_ready());
  CHECK(f.peers[1].sent == "one two");
  CHECK(f.received == kReady);
  CHECK(f.exited.empty());
}

TEST_CASE("a host that greets and talks nonsense in one breath is passed over like any other",
          "[worker_link]") {
  Fixture f;
  f.start();
  f.send("all ");
  const std::string nonsense = kReady + std::string(64, '\xff');
  f.say(f.peers[0], Bytes::copy_of(nonsense));
  REQUIRE(f.peers.size() == 2);
  CHECK(f.received.empty());
  f.send("of it");
  f.say(f.peers[1], worker::write_ready());
  CHECK(f.received == kReady);
  CHECK(f.peers[1].sent == "all of it");
  // The next worker's way begins with the host that is well.
  CHECK_FALSE(f.peers[1].is_gone);
}

TEST_CASE("where no host has a worker that is told once, and the worker has not ended",
          "[worker_link]") {
  Fixture f;
  f.start();
  f.send("one");
  f.peers[0].events.on_ended(Error{ErrorCode::kClosed, "no connection"});
  CHECK(f.no_hosts == 0);
  f.peers[1].events.on_ended(Error{ErrorCode::kClosed, "no connection"});
  CHECK(f.no_hosts == 1);
  CHECK(f.peers[1].is_gone);
  CHECK_FALSE(f.hosts.has_host());
  CHECK(f.received.empty());
  CHECK(f.exited.empty());
}

TEST_CASE("a worker of this machine has what was sent, and what it says comes on",
          "[worker_link]") {
  Fixture f;
  auto started = start_local_worker(f.script, {}, f.loop, f.events());
  REQUIRE(started.has_value());
  f.link = std::move(started).value();
  CHECK(f.link->is_here());
  f.send("one");
  f.send(" two");
  f.link->close_sending();
  f.loop.run();
  CHECK(f.received == "one two");
  CHECK(f.exited == "exit code 0");
}

TEST_CASE("a host that does not answer in time is passed over", "[worker_link]") {
  Fixture f;
  f.patience = 1ms;
  f.start();
  f.send("one");
  f.link->close_sending();
  f.loop.run();  // Both hosts' time.
  REQUIRE(f.peers.size() == 2);
  CHECK(f.peers[1].sent == "one");
  CHECK(f.peers[1].is_closed);
  CHECK(f.no_hosts == 1);
}

TEST_CASE("a worker that is blamed has its host left out", "[worker_link]") {
  Fixture f;
  f.start();
  f.say(f.peers[0], worker::write_ready());
  f.link->blame("takes no packets");
  f.link.reset();
  f.start();
  CHECK(f.peers[1].address == "b:1");
}

TEST_CASE("with no host that can be had there is no link to one", "[worker_link]") {
  Fixture f;
  f.hosts.take()->failed("full");
  f.hosts.take()->failed("full");
  CHECK_FALSE(start_remote_worker(f.hosts, "shop", f.loop, f.events()));
  CHECK(f.peers.empty());
}
