#include "app/config_keys.h"

#include <array>
#include <type_traits>

namespace millrace::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::string_view kLevels = "debug info warning error off";
constexpr std::string_view kProfiles = "balanced realtime";

// What a row's lambdas need per member type: from a checked Value into the struct and back.
void store(bool& member, const Value& value) {
  member = std::get<bool>(value);
}
void store(std::string& member, const Value& value) {
  member = std::get<std::string>(value);
}
void store(std::vector<std::string>& member, const Value& value) {
  member = std::get<std::vector<std::string>>(value);
}
void store(log::Level& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "debug"     ? log::Level::kDebug
           : word == "warning" ? log::Level::kWarning
           : word == "error"   ? log::Level::kError
           : word == "off"     ? log::Level::kOff
                               : log::Level::kInfo;
}
void store(transcode::Profile& member, const Value& value) {
  member = std::get<std::string>(value) == "realtime" ? transcode::Profile::kRealtime
                                                      : transcode::Profile::kBalanced;
}
template <std::integral Number>
void store(Number& member, const Value& value) {
  member = static_cast<Number>(std::get<std::int64_t>(value));
}
template <typename Representation, typename Period>
void store(std::chrono::duration<Representation, Period>& member, const Value& value) {
  member = std::chrono::duration_cast<std::chrono::duration<Representation, Period>>(
      nanoseconds(std::get<std::int64_t>(value)));
}
void store(std::optional<milliseconds>& member, const Value& value) {
  store(member.emplace(), value);
}

Value load(bool member) {
  return member;
}
Value load(const std::string& member) {
  return member;
}
Value load(const std::vector<std::string>& member) {
  return member;
}
Value load(log::Level member) {
  switch (member) {
    case log::Level::kDebug:
      return std::string("debug");
    case log::Level::kInfo:
      return std::string("info");
    case log::Level::kWarning:
      return std::string("warning");
    case log::Level::kError:
      return std::string("error");
    case log::Level::kOff:
      return std::string("off");
  }
  return std::string();
}
Value load(transcode::Profile member) {
  return std::string(member == transcode::Profile::kRealtime ? "realtime" : "balanced");
}
template <typename Number>
requires(std::integral<Number> && !std::same_as<Number, bool>) Value load(Number member) {
  return static_cast<std::int64_t>(member);
}
template <typename Representation, typename Period>
Value load(std::chrono::duration<Representation, Period> member) {
  return std::int64_t{nanoseconds(member).count()};
}
Value load(const std::optional<milliseconds>& member) {
  return member ? load(*member) : Value(std::string());
}

#define MEMBER(member)                                                 \
  [](auto& owner, const Value& value) { store(owner.member, value); }, \
      [](const auto& owner) -> Value { return load(owner.member); }

constexpr ValueRule kBoolean{ValueKind::kBoolean};
constexpr ValueRule kPath{ValueKind::kPath};
constexpr ValueRule kSecret{ValueKind::kSecret};
constexpr ValueRule count(std::int64_t least, std::int64_t most) {
  return {ValueKind::kCount, {least, most}};
}
constexpr ValueRule bytes(std::int64_t least, std::int64_t most) {
  return {ValueKind::kBytes, {least, most}};
}
constexpr ValueRule duration(nanoseconds least, nanoseconds most) {
  return {ValueKind::kDuration, {least.count(), most.count()}};
}
constexpr ValueRule listeners(std::int64_t least) {
  return {ValueKind::kListeners, {least, 16}};
}
constexpr ValueRule choice(std::string_view choices) {
  return {ValueKind::kChoice, {}, choices};
}

using namespace std::chrono_literals;
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;

constexpr ConfigKey<Config> kConfigKeys[] = {
    {"api.listen", listeners(0), MEMBER(api.listen),
     "Where the operator finds /metrics, /healthz, /readyz and /api/v1/channels; an empty list: "
     "nowhere."},
    {"auth.open", kBoolean, MEMBER(auth.open),
     "Whether any key that is a channel name creates the channel of that name. For trying things "
     "out: whoever reaches the port can publish. `--open` and `--demo` switch it on."},
    {"hls.max_parked_requests", count(0, 10'000'000), MEMBER(hls.origin.max_parked_requests),
     "Requests that wait for a part or a playlist, all channels together; past it 503 at once."},
    {"hls.max_window", bytes(16 * kMiB, 1024 * kGiB), MEMBER(hls.origin.max_window_bytes),
     "Media in memory, all channels together; past it the channel that grows loses its oldest "
     "segments that the specification lets go."},
    {"hls.state_file", kPath, MEMBER(hls.state_file),
     "File in which media sequence numbers are kept, so that a restart goes on with them; empty: "
     "none, numbers come from the clock."},
    {"hls.window", duration(1s, 1h), MEMBER(hls.origin.window),
     "What a media playlist lists; at least six segments and three target durations all the same."},
    {"http.header_timeout", duration(100ms, 10min), MEMBER(http.server.header_timeout),
     "From the first byte of a request to its end; past it the connection is closed."},
    {"http.idle_timeout", duration(100ms, 1h), MEMBER(http.server.idle_timeout),
     "Between requests on a kept connection; past it the connection is closed."},
    {"http.listen", listeners(1), MEMBER(http.server.listen),
     "Where viewers, CDNs and the page are served; /healthz and /readyz too."},
    {"http.max_connections", count(1, 1'000'000), MEMBER(http.server.max_connections),
     "Open connections; past it a new one is closed at once."},
    {"http.max_connections_per_address", count(1, 1'000'000),
     MEMBER(http.server.max_connections_per_address),
     "The same of one address: raise it behind a proxy or a CDN."},
    {"http.metrics", kBoolean, MEMBER(http.metrics),
     "Whether /metrics is served on http.listen too. `--demo` switches it on."},
    {"http.write_timeout", duration(100ms, 10min), MEMBER(http.server.write_timeout),
     "Without any progress of an answer; past it the client is too slow and is closed."},
    {"limits.channels", count(1, 1'000'000), MEMBER(limits.channels),
     "Channels that were published to since the start; past it a new one is refused. At least as "
     "many as are configured."},
    {"limits.event_loops", count(0, 256), MEMBER(limits.event_loops),
     "Event loops, a thread each; 0: one per core."},
    {"limits.grace", duration(0ms, 24h), MEMBER(limits.grace),
     "How long a channel waits for a publisher that has gone; then the show ends and its playlists "
     "say so."},
    {"log.level", choice(kLevels), MEMBER(log.level), "Below it nothing is written."},
    {"packager.part", duration(100ms, 1s), MEMBER(packager.part),
     "Wish for the length of a part (CMAF chunk); fitted to whole frames per rendition. At most a "
     "third of packager.segment."},
    {"packager.segment", duration(1s, 10s), MEMBER(packager.segment),
     "Wish for the length of a segment; the source's key frames decide."},
    {"rtmp.handshake_timeout", duration(100ms, 10min), MEMBER(rtmp.handshake_timeout),
     "From accepting a connection to the end of its handshake."},
    {"rtmp.idle_timeout", duration(1s, 1h), MEMBER(rtmp.idle_timeout),
     "A publisher that sends nothing for so long is cut."},
    {"rtmp.listen", listeners(0), MEMBER(rtmp.listen),
     "Where RTMP publishers come in; an empty list: nowhere."},
    {"rtmp.max_connections", count(1, 1'000'000), MEMBER(rtmp.max_connections),
     "Open connections; past it a new one is closed at once."},
    {"rtmp.max_connections_per_address", count(1, 1'000'000),
     MEMBER(rtmp.max_connections_per_address), "The same of one address."},
    {"rtmp.max_message", bytes(64 * kKiB, 64 * kMiB), MEMBER(rtmp.max_message_bytes),
     "One RTMP message, which is one picture; past it the connection ends."},
    {"rtmp.publish_timeout", duration(100ms, 10min), MEMBER(rtmp.publish_timeout),
     "From accepting a connection to an accepted publish."},
    {"srt.idle_timeout", duration(1s, 1h), MEMBER(srt.idle_timeout),
     "A publisher that is connected and sends nothing for so long is cut."},
    {"srt.latency", duration(20ms, 30s), MEMBER(srt.latency),
     "How long packets are held back so that lost ones can be sent again: at least this, more "
     "where "
     "the encoder asks for more. Four times the round trip is a good value."},
    {"srt.listen", listeners(0), MEMBER(srt.listen),
     "Where SRT publishers come in (UDP); an empty list: nowhere. Each port has one receiving "
     "thread: add ports before it is busy."},
    {"srt.max_connections", count(1, 100'000), MEMBER(srt.max_connections),
     "Open connections; past it a new one is refused with code 1402."},
    {"srt.max_connections_per_address", count(1, 100'000), MEMBER(srt.max_connections_per_address),
     "The same of one address."},
    {"srt.passphrase", kSecret, MEMBER(srt.passphrase),
     "What publishers must encrypt with; empty: nothing is asked for. A secret, never logged."},
    {"srt.peer_timeout", duration(5s, 1min), MEMBER(srt.peer_timeout),
     "Without any packet of the publisher, not even a keep-alive: it has vanished. libsrt notices "
     "it "
     "no earlier than after five seconds."},
    {"transcode.enabled", kBoolean, MEMBER(transcode.enabled),
     "Whether encoded rungs are made; without them only the passthrough rung of a ladder is "
     "served."},
    {"transcode.profile", choice(kProfiles), MEMBER(transcode.profile),
     "Encoder settings: better pictures per bit, or no frame of delay."},
    {"transcode.worker", kPath, MEMBER(transcode.worker),
     "The millrace-transcoder binary; empty: the one beside the millrace executable."},
};

constexpr ConfigKey<ChannelConfig> kChannelKeys[] = {
    {"grace", duration(0ms, 24h), MEMBER(grace), "As limits.grace, which is the default."},
    {"keys",
     {ValueKind::kKeys, {0, 64}},
     MEMBER(keys),
     "Publishing keys that let a publisher in: secrets, never logged. A key belongs to one "
     "channel. At least one unless auth.open."},
    {"ladder", {ValueKind::kName}, MEMBER(ladder), "Name of its template under `ladder`."},
    {"srt_passphrase", kSecret, MEMBER(srt_passphrase),
     "As srt.passphrase, which is the default. A secret, never logged."},
};

constexpr ConfigKey<transcode::RungTemplate> kRungKeys[] = {
    {"bitrate",
     {ValueKind::kBitRate, {50'000, 100'000'000}},
     MEMBER(bits_per_second),
     "Of an encoded rung: needed."},
    {"height", count(64, 4320), MEMBER(height),
     "Of an encoded rung: needed, even. The landscape picture's height, the shorter side of a "
     "portrait one; a rung that would be upscaled is left out."},
    {"name",
     {ValueKind::kName},
     MEMBER(name),
     "Needed; unique in its template; stands in the URL. `audio` is taken."},
    {"passthrough", kBoolean, MEMBER(passthrough),
     "The source as it came, not encoded; at most one in a template, without height and bitrate."},
};

#undef MEMBER

}  // namespace

std::span<const ConfigKey<Config>> config_keys() {
  return kConfigKeys;
}
std::span<const ConfigKey<ChannelConfig>> channel_keys() {
  return kChannelKeys;
}
std::span<const ConfigKey<transcode::RungTemplate>> rung_keys() {
  return kRungKeys;
}

}  // namespace millrace::app
