#include "app/config_keys.h"

#include "app/config_rows.h"

namespace millrace::app {
namespace {

using namespace rows;
using namespace std::chrono_literals;

#define MEMBER(member)                                                 \
  [](auto& owner, const Value& value) { store(owner.member, value); }, \
      [](const auto& owner) -> Value { return load(owner.member); }

constexpr ConfigKey<Config> kConfigKeys[] = {
    {"api.listen", listeners(0), MEMBER(api.listen),
     "Where the operator finds /metrics, /healthz, /readyz and /api/v1/channels; an empty list: "
     "nowhere."},
    {"api.token", kSecret, MEMBER(api_token),
     "Bearer token of those who change something over the API; empty: nobody does. A secret, never "
     "logged."},
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
    {"hls.audio_only", kBoolean, MEMBER(hls.origin.audio_only),
     "Whether the multivariant playlist ends with a variant of sound alone. Apple's players go on "
     "with it where the network has no room for a picture; others leave it out, or have the sound "
     "twice."},
    {"hls.cache.blocking", kCacheLifetime, MEMBER(hls.origin.cache.blocking),
     "How long caches may keep a media playlist that was asked for by its number. Without it: six "
     "target durations."},
    {"hls.cache.ended", kCacheLifetime, MEMBER(hls.origin.cache.ended),
     "The same of every playlist of a show that has ended; another one may begin at the same URL. "
     "Without it: half a target duration, at least 1 s."},
    {"hls.cache.error", kCacheLifetime, MEMBER(hls.origin.cache.error),
     "The same of 400 and 404. 403 and 503 are never kept."},
    {"hls.cache.init", kCacheLifetime, MEMBER(hls.origin.cache.init),
     "The same of an init segment. Without it: an hour, or six target durations where that is "
     "longer."},
    {"hls.cache.multivariant", kCacheLifetime, MEMBER(hls.origin.cache.multivariant),
     "The same of a multivariant playlist. Without it: half a target duration, at least 1 s."},
    {"hls.cache.part", kCacheLifetime, MEMBER(hls.origin.cache.part),
     "The same of a part. Without it: six target durations."},
    {"hls.cache.playlist", kCacheLifetime, MEMBER(hls.origin.cache.playlist),
     "The same of a media playlist as it is now. Without it: half a target duration, at least 1 s; "
     "longer is more delay for who asks so."},
    {"hls.cache.segment", kCacheLifetime, MEMBER(hls.origin.cache.segment),
     "The same of a segment. Without it: an hour, or six target durations where that is longer."},
    {"hls.dvr.folder", kPath, MEMBER(hls.dvr.folder),
     "Folder for what hls.dvr.window keeps, of this server alone; it is made where its parent is "
     "there."},
    {"hls.dvr.max_bytes", bytes(64 * kMiB, 1024 * 1024 * kGiB), MEMBER(hls.dvr.max_bytes),
     "What may lie in hls.dvr.folder, all channels together; past it the channel that has most "
     "loses its oldest quarter of a window, at most an hour."},
    {"hls.dvr.window", duration(0s, 24h), MEMBER(hls.dvr.window),
     "How far back a playlist with ?dvr goes, and vod.m3u8 of a finished show, from the disk; a "
     "minute at least. As much again is kept for those who hold such a playlist. 0s: there is "
     "none, and nothing is written."},
    {"hls.max_parked_requests", count(0, 10'000'000), MEMBER(hls.origin.max_parked_requests),
     "Requests that wait for a part or a playlist, all channels together; past it 503 at once."},
    {"hls.max_window", bytes(16 * kMiB, 1024 * kGiB), MEMBER(hls.origin.max_window_bytes),
     "Media in memory, all channels together; past it the channel that grows loses its oldest "
     "segments that the specification lets go."},
    {"hls.state_file", kPath, MEMBER(hls.state_file),
     "File in which media sequence numbers are kept, so that a restart goes on with them; empty: "
     "none, numbers come from the clock."},
    {"hls.ts", kBoolean, MEMBER(hls.origin.ts.is_on),
     "Whether a channel has MPEG-TS segments too, for players that know no fragmented MP4: at "
     "/live/NAME/ts.m3u8. What nobody asks for is not made."},
    {"hls.ts_cache", bytes(kMiB, 1024 * kGiB), MEMBER(hls.origin.ts.max_cache_bytes),
     "MPEG-TS segments in memory, all channels together; past it the oldest go, and are made again "
     "for who asks."},
    {"hls.window", duration(1s, 1h), MEMBER(hls.origin.window),
     "What a media playlist lists; at least six segments and three target durations all the same. "
     "When a show has ended, that stays for as long as it lasts and three target durations."},
    {"http.header_timeout", duration(100ms, 10min), MEMBER(http.server.header_timeout),
     "From the first byte of a request to its end, from a connection's begin to the end of a PROXY "
     "header, and from there to that of TLS; past it the connection is closed."},
    {"http.idle_timeout", duration(100ms, 1h), MEMBER(http.server.idle_timeout),
     "Between requests on a kept connection; past it the connection is closed."},
    {"http.listen", listeners(1), MEMBER(http.server.listen),
     "Where viewers, CDNs and the page are served; /healthz and /readyz too."},
    {"http.listen_proxy", listeners(0), MEMBER(http.server.listen_proxy),
     "The same for load balancers of http.trusted_proxies, whose connections each begin with a "
     "header of the PROXY protocol, version 1 or 2; others are closed. See cdn.md."},
    {"http.listen_proxy_tls", listeners(0), MEMBER(http.server.listen_proxy_tls),
     "The same with TLS behind the header, for load balancers that pass it through; needs a "
     "certificate (tls.certificate)."},
    {"http.listen_tls", listeners(0), MEMBER(http.server.listen_tls),
     "The same over TLS (HTTPS), if there is a certificate (tls.certificate); an empty list: "
     "nowhere. The limits of http hold for all its ports together."},
    {"http.max_connections", count(1, 1'000'000), MEMBER(http.server.max_connections),
     "Open connections; past it a new one is closed at once."},
    {"http.max_connections_per_address", count(1, 1'000'000),
     MEMBER(http.server.max_connections_per_address),
     "The same of one address: raise it behind a proxy or a CDN. On http.listen_proxy it is the "
     "address that the header tells; X-Forwarded-For counts no connections."},
    {"http.max_streams", count(1, 10'000), MEMBER(http.server.max_streams),
     "Requests under way on one HTTP/2 connection; past it a further one is refused."},
    {"http.metrics", kBoolean, MEMBER(http.metrics),
     "Whether /metrics is served on http.listen too. `--demo` switches it on."},
    {"http.trusted_proxies",
     {ValueKind::kNetworks, {0, 64}},
     MEMBER(http.server.trusted_proxies),
     "Addresses and networks (192.0.2.0/24, 2001:db8::7) of proxies that are believed when they "
     "say who the client is: by X-Forwarded-For, and on http.listen_proxy. See cdn.md."},
    {"http.write_timeout", duration(100ms, 10min), MEMBER(http.server.write_timeout),
     "Without any progress of an answer; past it the client is too slow and is closed."},
    {"limits.channels", count(1, 1'000'000), MEMBER(limits.channels),
     "Channels that were published to since the start; past it a new one is refused. At least as "
     "many as are configured."},
    {"limits.end_on_stop", kBoolean, MEMBER(limits.end_on_stop),
     "Whether a stop of the server ends the shows, so that players stop too. Else players try "
     "again "
     "until it is back, or give up by themselves."},
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
    {"playback.access", choice(kPlaybackAccess), MEMBER(playback.access),
     "Who may play: everybody, or who has a signed URL; see playback.md."},
    {"playback.audience",
     {ValueKind::kText},
     MEMBER(playback.audience),
     "What a JSON Web Token has to name in its aud claim; empty: it must have none."},
    {"playback.public_keys",
     {ValueKind::kPaths, {0, 4}},
     MEMBER(playback.keys.public_keys),
     "PEM files of public keys, RSA of 2048 bits or more or EC P-256, that JSON Web Tokens of "
     "RS256 "
     "and ES256 are checked by. All of them are accepted."},
    {"playback.signing_keys",
     {ValueKind::kKeys, {0, 8}},
     MEMBER(playback.keys.signing_keys),
     "Secrets, never logged, that sign URLs and JSON Web Tokens of HS256, each of 16 characters or "
     "more. All of them are accepted; `millrace sign-playback` takes the first."},
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
    {"transcode.audio_codec", choice(kAudioCodecs), MEMBER(transcode.audio_codec),
     "What sound becomes that is neither AAC nor this. Opus is passed through where this is opus; "
     "older Safari does not play it."},
    {"transcode.crash_reports", kPath, MEMBER(transcode.crash_reports),
     "Folder for what workers were sent that crashed, for a bug report: the source's last seconds, "
     "pictures included, at most 20 files of 8 MiB. Empty: none are written."},
    {"transcode.devices", choice(kDevicePolicies), MEMBER(transcode.devices),
     "Where rungs are decoded, scaled and encoded: on the CPU; on a GPU where one can, else on the "
     "CPU; on a GPU or not at all. millrace probe-hardware prints which there are."},
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
    {"transcode.remote",
     {ValueKind::kHosts, {0, 64}},
     MEMBER(transcode.remote),
     "Other machines that encode ladders: where millrace-transcoder --listen waits there. They are "
     "preferred to this machine, which takes over where none of them can be had. An empty list: "
     "ladders are encoded here."},
    {"transcode.remote_ca", kPath, MEMBER(transcode.remote_ca),
     "PEM file of the authority that the certificates of transcode.remote are from."},
    {"transcode.remote_certificate", kPath, MEMBER(transcode.remote_certificate),
     "PEM file of the certificate by which the machines of transcode.remote know this server. "
     "Loaded again when it changes, with its key and remote_ca."},
    {"transcode.remote_key", kPath, MEMBER(transcode.remote_key),
     "PEM file of that certificate's key, without a passphrase."},
    {"transcode.slate", kPath, MEMBER(transcode.slate),
     "PNG or JPEG file for transcode.hold: slate, fitted into the picture with black around it."},
    {"transcode.worker", kPath, MEMBER(transcode.worker),
     "The millrace-transcoder binary; empty: the one beside the millrace executable."},
    {"transcode.worker_cores", count(0, 1024), MEMBER(transcode.worker_cores),
     "On how many cores a channel's worker may run, of those that the server may use; workers take "
     "them in turn. 0: any."},
    {"transcode.worker_memory", bytes(0, 1024 * kGiB), MEMBER(transcode.worker_memory),
     "Memory that a channel's worker may have; one that needs more ends, and another takes over. "
     "0: "
     "no limit."},
};

constexpr ConfigKey<ChannelConfig> kChannelKeys[] = {
    {"dvr", duration(0s, 24h), MEMBER(dvr),
     "As hls.dvr.window, which is the default. 0s: what the disk has of the channel is removed at "
     "the next start."},
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
    {"playback.access", choice(kPlaybackAccess), MEMBER(playback.access),
     "As playback.access, which is the default."},
    {"playback.public_keys",
     {ValueKind::kPaths, {0, 4}},
     MEMBER(playback.keys.public_keys),
     "As playback.public_keys; where a channel has keys of either kind, only those are accepted."},
    {"playback.signing_keys",
     {ValueKind::kKeys, {0, 8}},
     MEMBER(playback.keys.signing_keys),
     "As playback.signing_keys, in the same way. Secrets, never logged."},
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
    {"ts", kBoolean, MEMBER(ts), "As hls.ts, which is the default."},
};

constexpr ConfigKey<transcode::RungTemplate> kRungKeys[] = {
    {"b_frames", kBoolean, MEMBER(limits.may_have_b_frames),
     "Of a passthrough rung: whether a source with B-frames qualifies, which add delay. Noticed "
     "while it runs."},
    {"bitrate",
     {ValueKind::kBitRate, {50'000, 100'000'000}},
     MEMBER(bits_per_second),
     "Of an encoded rung: needed; of a passthrough rung with otherwise: encode as well."},
    {"codec", choice(kRungCodecs), MEMBER(codec),
     "What the rung is encoded to. hevc and av1 cost several times as much; players that cannot "
     "decode them need other rungs beside."},
    {"codecs",
     {ValueKind::kChoices, {0, 3}, kRungCodecs},
     MEMBER(limits.codecs),
     "Of a passthrough rung: what a source may be coded in to qualify; an empty list: any."},
    {"encode", choice(kRungModes), MEMBER(mode),
     "When the rung is encoded: while somebody asks for it, always, or never. The channel's encode "
     "where it says nothing."},
    {"hdr", choice(kHdrModes), MEMBER(hdr),
     "What becomes of a source of high dynamic range, PQ or HLG: it is mapped to BT.709 with 8 "
     "bits, or stays what it is with 10 bits, for which codec has to be hevc or av1."},
    {"height", count(64, 4320), MEMBER(height),
     "Of an encoded rung: needed, even. The landscape picture's height, the shorter side of a "
     "portrait one; a rung that would be upscaled is left out, and one of more than nine tenths of "
     "a source that is passed through."},
    {"max_bitrate", kBitRateLimit, MEMBER(limits.bits_per_second),
     "Of a passthrough rung: what the source's picture may have to qualify, over some seconds and "
     "with a quarter of tolerance. Noticed while it runs. 0k: anything."},
    {"max_frame_rate", count(0, 240), MEMBER(max_frame_rate),
     "Of an encoded rung, in pictures per second: of a faster source with a constant rate it has "
     "every second picture, or every third, and so on up to every eighth. Of a passthrough rung: a "
     "source of more does not qualify, with a tenth of tolerance. 0: all of them."},
    {"max_gop", duration(0s, 1min), MEMBER(limits.key_frame_interval),
     "Of a passthrough rung: the longest time between two key frames of a source that qualifies, "
     "with a tenth of tolerance. Noticed while it runs. 0s: any."},
    {"max_height", count(0, 4320), MEMBER(limits.height),
     "Of a passthrough rung: the most on the shorter side of a source that qualifies, and of what "
     "is encoded in its place. 0: any."},
    {"name",
     {ValueKind::kName},
     MEMBER(name),
     "Needed; unique in its template; stands in the URL. `audio` is taken."},
    {"otherwise", choice(kOtherwise), MEMBER(otherwise),
     "Of a passthrough rung, what becomes of a source that does not qualify: it is passed through "
     "and told (pass), a rung of its size is encoded in its place (encode), or its publisher is "
     "refused (refuse). With encode interlaced sources do not qualify, with encode and refuse "
     "those whose profile no browser plays. See publishing.md."},
    {"passthrough", kBoolean, MEMBER(passthrough),
     "The source as it came, not encoded; at most one in a template, without height."},
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
