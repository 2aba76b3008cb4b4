// Publishers and viewers for the system benches. One process and one thread, so that what they cost
// themselves is small and stands beside what the server costs.
//
//   load_feed --clip FLV --rtmp PORT --http PORT [--channels N] [--viewers-every 10] [--viewers 1]
//             [--renditions source,audio] [--trace FILE]
//
// A publisher sends the clip in a loop with rising timestamps, each picture in one burst at its
// time. A viewer holds, of each rendition, a blocking reload of the playlist (gzip, delta update)
// and the hinted part, on a kept connection each. The channels are load0, load1, …
//
// Does what stdin says: "v" adds the viewers, of channels that can be played by then; "m" prints
// what has happened since the "m" before, one line of JSON. Ends with it. As soon as a publisher is
// cut or a viewer gets an error it says why on stderr, and the exit code is 1.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zlib.h>

#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/rtmp/big_endian.h"
#include "tests/support/rtmp_client.h"

namespace {

using namespace std::chrono_literals;
using millrace::net::EventLoop;
using millrace::net::Timer;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using ByteVector = std::vector<std::uint8_t>;

[[noreturn]] void fail(std::string_view why) {
  fmt::print(stderr, "load_feed: {}\n", why);
  std::_Exit(1);
}

// --- A connection -----------------------------------------------------------------------------

/// To the server on this machine, kept until the end.
class Peer {
 public:
  Peer(EventLoop& loop, std::uint16_t port) : socket_(loop.context()) {
    boost::system::error_code error;
    socket_.connect({boost::asio::ip::address_v4::loopback(), port}, error);
    if (error) fail(fmt::format("port {}: {}", port, error.message()));
    socket_.non_blocking(true);
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
    // A key frame leaves in one call.
    socket_.set_option(boost::asio::socket_base::send_buffer_size(400 * 1024));
    wait_readable();
  }
  virtual ~Peer() = default;

 protected:
  virtual void on_received(std::string_view bytes) = 0;
  virtual std::string name() const = 0;
  virtual void on_writable() {}

  /// How many of them the kernel took.
  std::size_t send(std::span<const std::uint8_t> bytes) {
    boost::system::error_code error;
    const auto sent = socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != boost::asio::error::would_block)
      fail(fmt::format("{} was cut: {}", name(), error.message()));
    return sent;
  }
  void wait_writable() {
    socket_.async_wait(socket_.wait_write, [this](const auto&) { on_writable(); });
  }

 private:
  void wait_readable() {
    socket_.async_wait(socket_.wait_read, [this](const auto&) {
      static std::array<char, 256 * 1024> scratch;
      boost::system::error_code error;
      const auto count = socket_.read_some(boost::asio::buffer(scratch), error);
      if (error && error != boost::asio::error::would_block)
        fail(fmt::format("{} was cut: {}", name(), error.message()));
      on_received({scratch.data(), count});
      wait_readable();
    });
  }

  boost::asio::ip::tcp::socket socket_;
};

// --- What has happened ------------------------------------------------------------------------

struct Totals {
  std::size_t messages = 0, bytes = 0, blocked = 0;
  std::size_t playlists = 0, parts = 0, missed_parts = 0, viewer_bytes = 0;
  std::vector<float> late_ms;  ///< Of each message, behind its time.
};

struct Record {
  Totals totals;
  std::FILE* trace = nullptr;  ///< Frames, parts and playlists with their times; null: not wanted.

  void mark() {
    auto& late = totals.late_ms;
    if (late.empty()) late = {0};
    std::sort(late.begin(), late.end());
    const std::size_t p50 = late.size() / 2, p99 = late.size() * 99 / 100;
    fmt::print(R"({{"messages": {}, "bytes": {}, "blocked_sends": {}, "late_ms_p50": {:.3f}, )"
               R"("late_ms_p99": {:.3f}, "late_ms_max": {:.3f}, "playlists": {}, "parts": {}, )"
               R"("missed_parts": {}, "viewer_bytes": {}}})"
               "\n",
               totals.messages, totals.bytes, totals.blocked, late[p50], late[p99], late.back(),
               totals.playlists, totals.parts, totals.missed_parts, totals.viewer_bytes);
    std::fflush(stdout);
    totals = {};
  }

  template <typename... Values>
  void note(fmt::format_string<Values...> format, Values&&... values) {
    if (trace) fmt::print(trace, format, std::forward<Values>(values)...);
  }
};

std::int64_t nanoseconds(TimePoint time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

// --- The clip ---------------------------------------------------------------------------------

// In which pictures (30 a second), AAC frames (48 kHz) and groups of 2 s are whole.
constexpr std::chrono::nanoseconds kClipLength = 16s;
constexpr std::size_t kPictures = 480, kAudioFrames = 750;
constexpr std::chrono::nanoseconds kGroup = 2s;
constexpr std::chrono::nanoseconds kPicture = std::chrono::nanoseconds(1s) / 30;
constexpr std::size_t kChunkSize = 4096;  // As OBS has it.

/// An RTMP message as it is sent; the same bytes for every publisher.
struct Message {
  std::chrono::nanoseconds due;  ///< Since the publisher's first.
  bool is_video = false;
  std::size_t payload_size = 0;  ///< Without the header of its FLV tag's body.
  ByteVector bytes;
};

/// Twice the frames: message headers depend on what was sent before, so that the first round is
/// another than all that follow, which repeat the second.
struct Clip {
  ByteVector preamble;  ///< Chunk size, metadata, codec configurations.
  std::vector<Message> messages;
};

struct FlvBodies {
  std::vector<ByteVector> pictures, audio;  ///< The first of each is the codec configuration.
};

/// Of a trusted file: no bounds but its own.
FlvBodies read_flv(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(content.data());
  FlvBodies bodies;
  for (std::size_t at = 13; at + 15 <= content.size();) {
    const auto* const tag = bytes + at;
    const std::size_t size = millrace::net::rtmp::read_u24(tag + 1);
    at += 15 + size;
    if (at > content.size()) break;
    const bool is_end_of_sequence = tag[0] == 9 && tag[12] == 2;
    if (tag[0] == 9 && !is_end_of_sequence) bodies.pictures.emplace_back(tag + 11, tag + 11 + size);
    if (tag[0] == 8) bodies.audio.emplace_back(tag + 11, tag + 11 + size);
  }
  return bodies;
}

Clip make_clip(const std::string& path) {
  const auto bodies = read_flv(path);
  if (bodies.pictures.size() <= kPictures || bodies.audio.size() <= kAudioFrames ||
      bodies.pictures[1][0] != 0x17)
    fail("the clip is not one of 16 s that begins with a key frame");
  millrace::test::RtmpClient client;
  client.set_chunk_size(kChunkSize);
  client.meta_data({{"width", 1280.0},
                    {"height", 720.0},
                    {"framerate", 30.0},
                    {"videocodecid", 7.0},
                    {"audiocodecid", 10.0},
                    {"encoder", "load_feed"}});
  client.video(0, bodies.pictures[0]);
  client.audio(0, bodies.audio[0]);
  Clip clip{std::exchange(client.bytes, {}), {}};
  std::vector<std::pair<Message, const ByteVector*>> frames;
  for (std::size_t i = 0; i < 2 * kPictures; ++i) {
    const auto& body = bodies.pictures[1 + i % kPictures];
    frames.push_back({{std::chrono::nanoseconds(1s) * i / 30, true, body.size() - 5, {}}, &body});
  }
  for (std::size_t i = 0; i < 2 * kAudioFrames; ++i) {
    const auto& body = bodies.audio[1 + i % kAudioFrames];
    frames.push_back(
        {{std::chrono::nanoseconds(1s) * i * 1024 / 48000, false, body.size() - 2, {}}, &body});
  }
  std::ranges::stable_sort(frames, {}, [](const auto& frame) { return frame.first.due; });
  for (auto& [message, body] : frames) {
    const auto timestamp = static_cast<std::uint32_t>(
        std::chrono::round<std::chrono::milliseconds>(message.due).count());
    message.is_video ? client.video(timestamp, *body) : client.audio(timestamp, *body);
    message.bytes = std::exchange(client.bytes, {});
    clip.messages.push_back(std::move(message));
  }
  return clip;
}

// --- Publishers -------------------------------------------------------------------------------

// A server that is so far behind has stopped to read.
constexpr std::size_t kMostPending = 400;

class Publisher final : public Peer {
 public:
  /// The first picture goes at `start`, or when the server is ready.
  Publisher(EventLoop& loop, Record& record, const Clip& clip, std::uint16_t port, std::string key,
            TimePoint start)
      : Peer(loop, port),
        record_(record),
        clip_(clip),
        key_(std::move(key)),
        timer_(loop),
        start_(start) {
    millrace::test::RtmpClient client;
    client.handshake();
    client.connect("live");
    client.publish(key_);
    session_ = std::move(client.bytes);
    pending_.push_back({session_, nullptr});
    flush();
  }

 private:
  struct Piece {
    std::span<const std::uint8_t> rest;
    const Message* message;  ///< Null where it is none of the clip's.
  };

  std::string name() const override { return "publisher " + key_; }

  void on_received(std::string_view bytes) override {
    if (is_publishing_) return;  // Acknowledgements.
    answers_ += bytes;
    // onFCPublish says "Start" as well; what counts is onStatus.
    const auto code = answers_.find("NetStream.Publish.", answers_.find("onStatus"));
    if (code == std::string::npos || code + 24 > answers_.size()) return;
    if (!std::string_view(answers_).substr(code).starts_with("NetStream.Publish.Start"))
      fail(name() + " was refused");
    is_publishing_ = true;
    start_ = std::max(start_, Clock::now());
    pending_.push_back({clip_.preamble, nullptr});
    flush();
    wait_for_next();
  }

  void wait_for_next() {
    timer_.start(start_ + clip_.messages[next_].due - Clock::now(), [this] { send_next(); });
  }

  void send_next() {
    const Message& message = clip_.messages[next_];
    const std::chrono::duration<float, std::milli> late = Clock::now() - (start_ + message.due);
    record_.totals.late_ms.push_back(late.count());
    if (pending_.size() > kMostPending) fail("the server does not read " + key_);
    pending_.push_back({message.bytes, &message});
    if (pending_.size() == 1) flush();
    if (++next_ == clip_.messages.size()) {
      next_ /= 2;
      start_ += kClipLength;
    }
    wait_for_next();
  }

  void on_writable() override { flush(); }

  void flush() {
    for (; !pending_.empty(); pending_.pop_front()) {
      auto& [rest, message] = pending_.front();
      const auto before = Clock::now();
      const auto sent = send(rest);
      rest = rest.subspan(sent);
      record_.totals.bytes += sent;
      if (!rest.empty()) {
        ++record_.totals.blocked;
        return wait_writable();
      }
      if (!message) continue;
      ++record_.totals.messages;
      record_.note("{} {} {}\n", message->is_video ? "picture" : "sound", nanoseconds(before),
                   message->payload_size);
    }
  }

  Record& record_;
  const Clip& clip_;
  const std::string key_;
  Timer timer_;
  TimePoint start_;
  ByteVector session_;
  std::string answers_;
  std::deque<Piece> pending_;
  std::size_t next_ = 0;
  bool is_publishing_ = false;
};

// --- Viewers ----------------------------------------------------------------------------------

struct Answer {
  int status = 0;
  bool is_gzip = false;
  std::string_view body;
  TimePoint asked{}, first{}, last{};  ///< first: when the first byte of the body was here.
};

std::uint64_t number_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  std::uint64_t number = 0;
  if (at != std::string_view::npos)
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
  return number;
}

/// One kept connection; one request at a time.
class HttpClient final : public Peer {
 public:
  using Then = std::function<void(const Answer&)>;

  HttpClient(EventLoop& loop, std::uint16_t port)
      : Peer(loop, port), host_(fmt::format("127.0.0.1:{}", port)) {}

  bool is_busy() const { return then_ != nullptr; }

  void get(const std::string& target, Then then) {
    // As much as a browser says.
    const auto request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36\r\nAccept: */*\r\nSec-Fetch-Site: same-origin\r\n"
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://{}/\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n",
        target, host_, host_);
    target_ = target;
    then_ = std::move(then);
    answer_ = {};
    answer_.asked = Clock::now();
    if (send({reinterpret_cast<const std::uint8_t*>(request.data()), request.size()}) !=
        request.size())
      fail(name() + " cannot send its request");
  }

 private:
  std::string name() const override { return "the viewer of " + target_; }

  void on_received(std::string_view bytes) override {
    if (bytes.empty()) return;
    if (!then_) fail(name() + " got more than it asked for");
    const auto now = Clock::now();
    input_ += bytes;
    if (head_size_ == 0 && !parse_head()) return;
    if (answer_.first == TimePoint{} && input_.size() > head_size_) answer_.first = now;
    if (input_.size() < head_size_ + body_size_) return;
    answer_.last = now;
    const std::string input = std::exchange(input_, {});
    answer_.body = std::string_view(input).substr(std::exchange(head_size_, 0));
    std::exchange(then_, nullptr)(answer_);
  }

  bool parse_head() {
    const auto end = input_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const auto head = std::string_view(input_).substr(0, end);
    head_size_ = end + 4;
    body_size_ = number_after(head, "Content-Length: ");
    answer_.status = static_cast<int>(number_after(head, "HTTP/1.1 "));
    answer_.is_gzip = head.find("Content-Encoding: gzip") != std::string_view::npos;
    return true;
  }

  const std::string host_;
  std::string target_, input_;
  std::size_t head_size_ = 0, body_size_ = 0;
  Then then_;
  Answer answer_;
};

std::string gunzip(std::string_view packed) {
  std::string text(64 * 1024, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
    fail("a viewer got a playlist that is no gzip");
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

/// Where a playlist ends: the part to ask for next, and the hinted one.
struct Edge {
  std::uint64_t segment = 0, part = 0;
  std::string hint;
};

Edge find_edge(std::string_view text) {
  Edge edge;
  edge.segment = number_after(text, "#EXT-X-MEDIA-SEQUENCE:") +
                 number_after(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS=");
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with("#EXTINF:")) {
      ++edge.segment;
      edge.part = 0;
    } else if (line.starts_with("#EXT-X-PART:")) {
      ++edge.part;
    } else if (line.starts_with("#EXT-X-PRELOAD-HINT:")) {
      const auto begin = line.find("URI=\"") + 5;
      edge.hint = line.substr(begin, line.find('"', begin) - begin);
    }
  }
  if (edge.hint.empty()) fail("a viewer got a playlist without a hint");
  return edge;
}

/// One rendition of a viewer.
class Follower {
 public:
  Follower(EventLoop& loop, Record& record, std::uint16_t port, std::string channel,
           std::string rendition)
      : record_(record),
        rendition_(std::move(rendition)),
        base_(fmt::format("/live/{}/{}/", channel, rendition_)),
        playlists_(loop, port),
        parts_(loop, port) {
    reload("");
  }

 private:
  void reload(const std::string& query) {
    playlists_.get(base_ + "index.m3u8" + query,
                   [this](const auto& answer) { on_playlist(answer); });
  }

  void on_playlist(const Answer& answer) {
    if (answer.status != 200)
      fail(fmt::format("a viewer got {} for the playlist {}", answer.status, base_));
    const auto edge = find_edge(answer.is_gzip ? gunzip(answer.body) : std::string(answer.body));
    ++record_.totals.playlists;
    record_.totals.viewer_bytes += answer.body.size();
    hint_ = edge.hint;
    hinted_ = number_after(hint_, "-");
    record_.note("playlist {} {} {} {} {}\n", rendition_, hinted_, nanoseconds(answer.asked),
                 nanoseconds(answer.first), nanoseconds(answer.last));
    if (!parts_.is_busy()) fetch_hint();
    reload(fmt::format("?_HLS_msn={}&_HLS_part={}&_HLS_skip=YES", edge.segment, edge.part));
  }

  void fetch_hint() {
    if (fetched_ == hinted_) return;
    if (fetched_) record_.totals.missed_parts += hinted_ - *fetched_ - 1;
    fetched_ = hinted_;
    parts_.get(base_ + hint_, [this](const auto& answer) { on_part(answer); });
  }

  void on_part(const Answer& answer) {
    if (answer.status != 200 || answer.body.empty())
      fail(fmt::format("a viewer got {} for part {} of {}", answer.status, *fetched_, base_));
    ++record_.totals.parts;
    record_.totals.viewer_bytes += answer.body.size();
    if (record_.trace) {
      std::string head;  // prft and moof
      for (const char c : answer.body.substr(0, 512))
        fmt::format_to(std::back_inserter(head), "{:02x}", static_cast<unsigned char>(c));
      record_.note("part {} {} {} {} {} {}\n", rendition_, *fetched_, nanoseconds(answer.asked),
                   nanoseconds(answer.first), nanoseconds(answer.last), head);
    }
    fetch_hint();
  }

  Record& record_;
  const std::string rendition_, base_;
  HttpClient playlists_, parts_;
  std::string hint_;
  std::uint64_t hinted_ = 0;
  std::optional<std::uint64_t> fetched_;
};

// --- All of it --------------------------------------------------------------------------------

struct Options {
  std::string clip, trace;
  std::uint16_t rtmp_port = 0, http_port = 0;
  int channels = 1, viewers_every = 10, viewers = 1;
  std::vector<std::string> renditions{"source", "audio"};
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), clip_(make_clip(options.clip)) {
    if (!options.trace.empty()) record_.trace = std::fopen(options.trace.c_str(), "w");
    const auto first = Clock::now() + 500ms;
    for (int i = 0; i < options.channels; ++i) {
      // Key frames are spread over the group of pictures, and pictures over their interval.
      const auto start = first + (kGroup + kPicture) * i / options.channels;
      connecting_.push_back(std::make_unique<Timer>(loop_));
      connecting_.back()->start(start - 300ms - Clock::now(), [this, i, start] {
        publishers_.push_back(std::make_unique<Publisher>(loop_, record_, clip_, options_.rtmp_port,
                                                          fmt::format("load{}", i), start));
      });
    }
    read_commands();
  }

  void run() {
    loop_.run();
    if (record_.trace) std::fclose(record_.trace);
  }

 private:
  void read_commands() {
    stdin_.async_read_some(boost::asio::buffer(commands_), [this](const auto& error, auto count) {
      if (error) return loop_.stop();
      for (const char command : std::string_view(commands_.data(), count)) {
        if (command == 'v') add_viewers();
        if (command == 'm') record_.mark();
      }
      read_commands();
    });
  }

  /// So many on each channel whose number, counted from one, the option divides.
  void add_viewers() {
    const int every = options_.viewers_every;
    for (int i = every; every > 0 && i <= options_.channels; i += every)
      for (int viewer = 0; viewer < options_.viewers; ++viewer)
        for (const auto& rendition : options_.renditions)
          viewers_.push_back(std::make_unique<Follower>(loop_, record_, options_.http_port,
                                                        fmt::format("load{}", i - 1), rendition));
  }

  const Options options_;
  EventLoop loop_;
  Record record_;
  const Clip clip_;
  boost::asio::posix::stream_descriptor stdin_{loop_.context(), STDIN_FILENO};
  std::array<char, 64> commands_{};
  std::vector<std::unique_ptr<Timer>> connecting_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Follower>> viewers_;
};

}  // namespace

int main(int count, char** arguments) {
  Options options;
  CLI::App app;
  app.add_option("--clip", options.clip)->required();
  app.add_option("--rtmp", options.rtmp_port)->required();
  app.add_option("--http", options.http_port)->required();
  app.add_option("--channels", options.channels)->check(CLI::PositiveNumber);
  app.add_option("--viewers-every", options.viewers_every)->check(CLI::NonNegativeNumber);
  app.add_option("--viewers", options.viewers)->check(CLI::PositiveNumber);
  app.add_option("--renditions", options.renditions)->delimiter(',');
  app.add_option("--trace", options.trace);
  CLI11_PARSE(app, count, arguments);
  ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // Else the kernel may be 50 µs late.
  Load(options).run();
}
