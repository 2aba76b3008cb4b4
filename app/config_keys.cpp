#include "app/config_keys.h"

#include <array>
#include <type_traits>

namespace millrace::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::string_view kLevels = "debug info warning error off";
constexpr std::string_view kProfiles = "balanced realtime quality";
constexpr std::string_view kHoldModes = "picture slate none";
constexpr std::string_view kRungModes = "on-demand always off";
constexpr std::string_view kRungCodecs = "h264 hevc av1";
constexpr std::string_view kWhenDown = "allow-known deny";

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
  const auto& word = std::get<std::string>(value);
  member = word == "realtime"  ? transcode::Profile::kRealtime
           : word == "quality" ? transcode::Profile::kQuality
                               : transcode::Profile::kBalanced;
}
void store(HoldMode& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "slate"  ? HoldMode::kSlate
           : word == "none" ? HoldMode::kNone
                            : HoldMode::kPicture;
}
void store(Codec& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "hevc" ? Codec::kHevc : word == "av1" ? Codec::kAv1 : Codec::kH264;
}
void store(transcode::RungMode& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "off"      ? transcode::RungMode::kOff
           : word == "always" ? transcode::RungMode::kAlways
                              : transcode::RungMode::kOnDemand;
}
void store(ingest::WhenDown& member, const Value& value) {
  member = std::get<std::string>(value) == "deny" ? ingest::WhenDown::kDeny
                                                  : ingest::WhenDown::kAllowKnown;
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
void store(double& member, const Value& value) {
  member = static_cast<double>(std::get<std::int64_t>(value));
}
template <typename Member>
void store(std::optional<Member>& member, const Value& value) {
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
  return std::string(member == transcode::Profile::kRealtime  ? "realtime"
                     : member == transcode::Profile::kQuality ? "quality"
                                                              : "balanced");
}
Value load(HoldMode member) {
  return std::string(member == HoldMode::kSlate  ? "slate"
                     : member == HoldMode::kNone ? "none"
                                                 : "picture");
}
Value load(Codec member) {
  return std::string(member == Codec::kHevc ? "hevc" : member == Codec::kAv1 ? "av1" : "h264");
}
Value load(transcode::RungMode member) {
  return std::string(member == transcode::RungMode::kOff      ? "off"
                     : member == transcode::RungMode::kAlways ? "always"
                                                              : "on-demand");
}
Value load(ingest::WhenDown member) {
  return std::string(member == ingest::WhenDown::kDeny ? "deny" : "allow-known");
}
template <typename Number>
requires(std::integral<Number> && !std::same_as<Number, bool>) Value load(Number member) {
  return static_cast<std::int64_t>(member);
}
template <typename Representation, typename Period>
Value load(std::chrono::duration<Representation, Period> member) {
  return std::int64_t{nanoseconds(member).count()};
}
Value load(double member) {
  return static_cast<std::int64_t>(member);
}
template <typename Member>
Value load(const std::optional<Member>& member) {
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
constexpr ValueRule kBitRateLimit{ValueKind::kBitRate, {0, 1'000'000'000}};
constexpr ValueRule kSessionLimit = duration(0s, 8760h);
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;

constexpr ConfigKey<Config> kConfigKeys[] = {
    {"api.listen", listeners(0), MEMBER(api.listen),
     "Where the operator finds /metrics, /healthz, /readyz and /api/v1/channels; an empty list: "
     "nowhere."},
    {"auth.key_file", kPath, MEMBER(auth.key_file),
     "File of publishing keys, a line KEY CHANNEL… each; read again when it changes, without a "
     "restart. Empty: none."},
    {"auth.open", kBoolean, MEMBER(auth.open),
     "Whether any key that is a channel name creates the channel of that name. For trying things "
     "out: whoever reaches the port can publish. `--open` and `--demo` switch it on."},
    {"auth.signing_keys",
     {ValueKind::kKeys, {0, 16}},
     MEMBER(auth.signing_keys),
     "Secrets, never logged, that sign expiring keys, each of 16 characters or more. All of them "
     "are accepted; `millrace sign` takes the first."},
    {"auth.webhook.ca_file", kPath, MEMBER(auth.webhook.ca_file),
     "PEM file of the authorities that the webhook's certificate is checked by; empty: the "
     "system's."},
    {"auth.webhook.cache", duration(0s, 1h), MEMBER(auth.webhook.cache),
     "How long what the webhook let in is let in again without asking, where its answer does not "
     "say."},
    {"auth.webhook.known_for", duration(0s, 8760h), MEMBER(auth.webhook.known_for),
     "How long a publisher that the webhook let in is known, for allow-known."},
    {"auth.webhook.negative_cache", duration(0s, 1h), MEMBER(auth.webhook.negative_cache),
     "The same of what it refused."},
    {"auth.webhook.secret", kSecret, MEMBER(auth.webhook.secret),
     "Signs each question, so that the webhook knows who asks; empty: no signature. A secret, "
     "never "
     "logged."},
    {"auth.webhook.timeout", duration(100ms, 8s), MEMBER(auth.webhook.timeout),
     "From a question to the end of its answer; past it the webhook is down."},
    {"auth.webhook.url",
     {ValueKind::kUrl},
     MEMBER(auth.webhook.url),
     "HTTP server that is asked about publishers whose key is none of those here; see "
     "publishing.md. Empty: nobody is asked."},
    {"auth.webhook.when_down", choice(kWhenDown), MEMBER(auth.webhook.when_down),
     "While it cannot be asked: let in whom it let in before, or nobody."},
    {"events.webhook.ca_file", kPath, MEMBER(events.ca_file), "As auth.webhook.ca_file."},
    {"events.webhook.secret", kSecret, MEMBER(events.secret),
     "Signs each event, as auth.webhook.secret does. A secret, never logged."},
    {"events.webhook.timeout", duration(100ms, 1min), MEMBER(events.timeout),
     "From an event to the end of the answer; past it the event is told again later."},
    {"events.webhook.url",
     {ValueKind::kUrl},
     MEMBER(events.url),
     "HTTP server that is told of what happens: what is wrong with what a publisher sends, "
     "whenever "
     "that changes. Empty: nobody is told."},
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
    {"limits.end_on_unpublish", kBoolean, MEMBER(limits.end_on_unpublish),
     "Whether a publisher that says goodbye (the streamer presses stop) ends the show at once; "
     "else "
     "the channel waits for limits.grace as for one that vanishes."},
    {"limits.event_loops", count(0, 256), MEMBER(limits.event_loops),
     "Event loops, a thread each; 0: one per core."},
    {"limits.grace", duration(0ms, 24h), MEMBER(limits.grace),
     "How long a channel waits for a publisher that has vanished; then the show ends and its "
     "playlists say so."},
    {"limits.publish.bitrate", kBitRateLimit, MEMBER(limits.publish.bits_per_second),
     "What a publisher may send, over some seconds and with a quarter of tolerance; past it, it is "
     "cut off. 0k: anything."},
    {"limits.publish.frame_rate", count(0, 1'000), MEMBER(limits.publish.frame_rate),
     "Pictures a second that it may send; 0: any number."},
    {"limits.publish.height", count(0, 65'536), MEMBER(limits.publish.height),
     "Of the shorter side of its picture, at most; 0: any."},
    {"limits.publish.session", kSessionLimit, MEMBER(limits.publish.session),
     "How long it may publish after it was let in; 0s: for ever."},
    {"limits.publish.width", count(0, 65'536), MEMBER(limits.publish.width),
     "Of the longer side of its picture, at most; 0: any."},
    {"limits.takeover", kBoolean, MEMBER(limits.takeover),
     "Whether a second publisher with a channel's key takes the channel over; else it is refused "
     "while the first one sends."},
    {"log.level", choice(kLevels), MEMBER(log.level), "Below it nothing is written."},
    {"packager.part", duration(100ms, 1s), MEMBER(packager.part),
     "Wish for the length of a part (CMAF chunk); fitted to whole frames per rendition. At most a "
     "third of packager.segment."},
    {"packager.segment", duration(1s, 10s), MEMBER(packager.segment),
     "Wish for the length of a segment; the source's key frames decide."},
    {"pull.longest_retry", duration(100ms, 1h), MEMBER(pull.longest_retry),
     "The longest pause between two attempts at a source; at least pull.retry."},
    {"pull.retry", duration(100ms, 1min), MEMBER(pull.retry),
     "The pause after a source's first failure; doubled with each further one, and shortened by up "
     "to a quarter at random."},
    {"pull.return_after", duration(0ms, 1h), MEMBER(pull.return_after),
     "How long a better source must have delivered in the background before it goes on air in the "
     "place of a worse one; also what makes its failures forgotten."},
    {"pull.silence_timeout", duration(500ms, 10min), MEMBER(pull.silence_timeout),
     "A source that delivers nothing for so long is taken for dead."},
    {"pull.start_timeout", duration(500ms, 10min), MEMBER(pull.start_timeout),
     "From a source's start to its first packet; past it, it has failed."},
    {"rtmp.handshake_timeout", duration(100ms, 10min), MEMBER(rtmp.handshake_timeout),
     "From accepting a connection to the end of its handshake."},
    {"rtmp.idle_timeout", duration(1s, 1h), MEMBER(rtmp.idle_timeout),
     "A publisher that sends nothing for so long is cut."},
    {"rtmp.listen", listeners(0), MEMBER(rtmp.listen),
     "Where RTMP publishers come in; an empty list: nowhere."},
    {"rtmp.listen_tls", listeners(0), MEMBER(rtmp.listen_tls),
     "Where RTMPS publishers come in, if there is a certificate (tls.certificate); an empty list: "
     "nowhere. The limits of rtmp hold for RTMP and RTMPS each."},
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
    {"srt.key_length", count(0, 32), MEMBER(srt.encryption.key_length),
     "The least length of the key that is made of the passphrase, in bytes: 16 (AES-128), 24 or 32 "
     "(AES-256). 0: any."},
    {"srt.latency", duration(20ms, 30s), MEMBER(srt.latency),
     "How long packets are held back so that lost ones can be sent again: at least this, more "
     "where "
     "the encoder asks for more. Four times the round trip is a good value."},
    {"srt.latency_round_trips", count(0, 20), MEMBER(srt.latency_round_trips),
     "At least so many of the round trips that were measured to the publisher's address within the "
     "last hour, up to 5 s: SRT agrees on the latency before it measures, so it holds from the "
     "second connection on. 0: not looked at."},
    {"srt.listen",
     {ValueKind::kSrtListeners, {0, 16}},
     MEMBER(srt.listen),
     "Where SRT publishers come in (UDP); an empty list: nowhere. A port can have a passphrase of "
     "its own: \"0.0.0.0:9001?passphrase=…&key_length=32\". Each port has one receiving thread: "
     "add "
     "ports before it is busy."},
    {"srt.max_connections", count(1, 100'000), MEMBER(srt.max_connections),
     "Open connections; past it a new one is refused with code 1402."},
    {"srt.max_connections_per_address", count(1, 100'000), MEMBER(srt.max_connections_per_address),
     "The same of one address."},
    {"srt.passphrase", kSecret, MEMBER(srt.encryption.passphrase),
     "What publishers must encrypt with; empty: nothing is asked for. A port, a channel and a key "
     "can have others. A secret, never logged."},
    {"srt.peer_timeout", duration(5s, 1min), MEMBER(srt.peer_timeout),
     "Without any packet of the publisher, not even a keep-alive: it has vanished. libsrt notices "
     "it "
     "no earlier than after five seconds."},
    {"tls.certificate", kPath, MEMBER(tls.certificate),
     "PEM file of the server's certificate and, behind it, those of its issuers (fullchain.pem). "
     "Loaded again when it changes. Empty: no TLS."},
    {"tls.key", kPath, MEMBER(tls.key), "PEM file of the certificate's key, without a passphrase."},
    {"transcode.crash_reports", kPath, MEMBER(transcode.crash_reports),
     "Folder for what workers were sent that crashed, for a bug report: the source's last seconds, "
     "pictures included, at most 20 files of 8 MiB. Empty: none are written."},
    {"transcode.enabled", kBoolean, MEMBER(transcode.enabled),
     "Whether encoded rungs are made; without them only the passthrough rung of a ladder is "
     "served."},
    {"transcode.encode", choice(kRungModes), MEMBER(transcode.encode),
     "When rungs are encoded that do not say it themselves: while somebody asks for them, always, "
     "or never (they are not listed)."},
    {"transcode.hold", choice(kHoldModes), MEMBER(transcode.hold),
     "What viewers see, with silence, while a source is away: its last picture, a picture of yours "
     "(transcode.slate), or nothing new. Only while somebody watches."},
    {"transcode.hold_after", duration(500ms, 10s), MEMBER(transcode.hold_after),
     "Without media for so long a source is away, whether or not it is still connected."},
    {"transcode.idle_after", duration(10s, 24h), MEMBER(transcode.idle_after),
     "A rung on demand ends when its playlist has not been asked for so long: at least three "
     "target "
     "durations, and longer than a cache in front keeps playlists."},
    {"transcode.max_load", count(0, 100), MEMBER(transcode.max_load),
     "Percent of the machine's CPU that may be in use, by whatever, when a rung is admitted; a "
     "rung "
     "that does not fit is refused, and running ones are shed when it gets tight. 0: no limit."},
    {"transcode.profile", choice(kProfiles), MEMBER(transcode.profile),
     "Encoder settings: no picture held back (realtime), 5 of them (balanced), or 10 for the best "
     "pictures per bit (quality). One that would hold back a packager.part or more is not used; "
     "the "
     "next one down is."},
    {"transcode.slate", kPath, MEMBER(transcode.slate),
     "PNG or JPEG file for transcode.hold: slate, fitted into the picture with black around it."},
    {"transcode.worker", kPath, MEMBER(transcode.worker),
     "The millrace-transcoder binary; empty: the one beside the millrace executable."},
    {"transcode.worker_memory", bytes(0, 1024 * kGiB), MEMBER(transcode.worker_memory),
     "Memory that a channel's worker may have; one that needs more ends, and another takes over. "
     "0: "
     "no limit."},
};

constexpr ConfigKey<ChannelConfig> kChannelKeys[] = {
    {"encode", choice(kRungModes), MEMBER(encode), "As transcode.encode, which is the default."},
    {"end_on_unpublish", kBoolean, MEMBER(end_on_unpublish),
     "As limits.end_on_unpublish, which is the default."},
    {"grace", duration(0ms, 24h), MEMBER(grace), "As limits.grace, which is the default."},
    {"hold", choice(kHoldModes), MEMBER(hold), "As transcode.hold, which is the default."},
    {"keys",
     {ValueKind::kKeys, {0, 64}},
     MEMBER(keys),
     "Publishing keys that let a publisher in, as they are or as sha256:HEX or sha256:SALT:HEX: "
     "secrets, never logged. A key of several channels is sent as CHANNEL?key=KEY. At least one "
     "unless there is another way in or the channel has sources."},
    {"ladder", {ValueKind::kName}, MEMBER(ladder), "Name of its template under `ladder`."},
    {"limits.bitrate", kBitRateLimit, MEMBER(limits.bits_per_second),
     "As limits.publish.bitrate, which holds where this is 0."},
    {"limits.frame_rate", count(0, 1'000), MEMBER(limits.frame_rate),
     "As limits.publish.frame_rate, which holds where this is 0."},
    {"limits.height", count(0, 65'536), MEMBER(limits.height),
     "As limits.publish.height, which holds where this is 0."},
    {"limits.session", kSessionLimit, MEMBER(limits.session),
     "As limits.publish.session, which holds where this is 0."},
    {"limits.width", count(0, 65'536), MEMBER(limits.width),
     "As limits.publish.width, which holds where this is 0."},
    {"priority", count(-1000, 1000), MEMBER(priority),
     "Where the machine is full, rungs of channels with lower figures go first, and are shed for "
     "those of higher ones."},
    {"slate", kPath, MEMBER(slate), "As transcode.slate, which is the default."},
    {"sources",
     {ValueKind::kSources, {0, 8}},
     MEMBER(sources),
     "Where the channel is pulled from, the best first; the next is taken where one fails. See "
     "operations.md for the URLs. Never logged as they stand."},
    {"srt_key_length", count(0, 32), MEMBER(srt.key_length),
     "As srt.key_length, for the channel's own passphrase."},
    {"srt_passphrase", kSecret, MEMBER(srt.passphrase),
     "As srt.passphrase, which is the default. A secret, never logged."},
    {"takeover", kBoolean, MEMBER(takeover), "As limits.takeover, which is the default."},
};

constexpr ConfigKey<transcode::RungTemplate> kRungKeys[] = {
    {"bitrate",
     {ValueKind::kBitRate, {50'000, 100'000'000}},
     MEMBER(bits_per_second),
     "Of an encoded rung: needed."},
    {"codec", choice(kRungCodecs), MEMBER(codec),
     "What the rung is encoded to. hevc and av1 cost several times as much; players that cannot "
     "decode them need other rungs beside."},
    {"encode", choice(kRungModes), MEMBER(mode),
     "When the rung is encoded: while somebody asks for it, always, or never. The channel's encode "
     "where it says nothing."},
    {"height", count(64, 4320), MEMBER(height),
     "Of an encoded rung: needed, even. The landscape picture's height, the shorter side of a "
     "portrait one; a rung that would be upscaled is left out, and one of more than nine tenths of "
     "a source that is passed through."},
    {"max_frame_rate", count(0, 240), MEMBER(max_frame_rate),
     "Of an encoded rung, in pictures per second: of a faster source with a constant rate it has "
     "every second picture, or every third, and so on up to every eighth. 0: all of them."},
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
