#include "hls/playlist/multivariant_playlist.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "hls/playlist/language.h"
#include "hls/playlist/text.h"

namespace millrace::hls::playlist {
namespace {

/// What the audio group adds to each variant.
struct AudioGroup {
  std::vector<const RenditionEntry*> members;
  std::vector<std::string_view> codecs;  ///< Each once.
  std::int64_t bandwidth = 0;            ///< §4.4.6.2: of the largest playable combination.
  std::int64_t average_bandwidth = 0;
};

AudioGroup audio_group(const std::vector<RenditionEntry>& renditions) {
  AudioGroup group;
  for (const auto& rendition : renditions) {
    if (rendition.track->kind != MediaKind::kAudio) continue;
    group.members.push_back(&rendition);
    if (std::find(group.codecs.begin(), group.codecs.end(), rendition.codecs) == group.codecs.end())
      group.codecs.push_back(rendition.codecs);
    group.bandwidth = std::max(group.bandwidth, rendition.bandwidth);
    group.average_bandwidth = std::max(group.average_bandwidth, rendition.average_bandwidth);
  }
  std::stable_sort(group.members.begin(), group.members.end(),
                   [](const auto* a, const auto* b) { return a->track->index < b->track->index; });
  return group;
}

/// §4.4.6.1: NAME is unique in the group.
std::string name_of(const RenditionEntry& member, const std::set<std::string>& taken) {
  const std::string name(find_language(member.track->language).name);
  return name.empty() || taken.contains(name) ? member.name : name;
}

void write_audio(Text& text, const AudioGroup& group, std::string_view file) {
  std::set<std::string> names;
  std::set<std::string_view> languages;
  for (const RenditionEntry* member : group.members) {
    const std::string name = name_of(*member, names);
    const std::string_view language = find_language(member->track->language).tag;
    names.insert(name);
    // §4.4.6.1.1: "Each EXT-X-MEDIA tag with an AUTOSELECT=YES attribute SHOULD have a combination
    // of LANGUAGE […] attributes that is distinct": of one language, one can be it.
    const bool is_first_of_language = languages.insert(language).second;
    text << "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"" << name << "\",LANGUAGE=\""
         << language << "\",DEFAULT=" << (member == group.members.front() ? "YES" : "NO")
         << ",AUTOSELECT=" << (is_first_of_language ? "YES" : "NO") << ",CHANNELS=\""
         << static_cast<std::uint64_t>(member->track->audio.channels) << "\",URI=\"" << member->name
         << "/" << file << "\"\n";
  }
}

/// §4.4.6.2, VIDEO-RANGE: by transfer characteristics (ISO/IEC 23091-2), 16 is PQ and 18 HLG.
std::string_view video_range(const Colour& colour) {
  if (colour.transfer == 16) return "PQ";
  if (colour.transfer == 18) return "HLG";
  return "SDR";
}

void write_picture(Text& text, const VideoParameters& video) {
  const Rational& aspect = video.sample_aspect_ratio;
  const std::int64_t display_width =
      aspect.numerator > 0 && aspect.denominator > 0
          ? scale_rounded(video.width, aspect.numerator, aspect.denominator)
          : video.width;
  text << ",RESOLUTION=" << static_cast<std::uint64_t>(display_width) << "x"
       << static_cast<std::uint64_t>(video.height);
  if (video.frame_rate.numerator > 0 && video.frame_rate.denominator > 0) {
    // §4.4.6.2: "rounded to three decimal places".
    const auto thousandths = static_cast<std::uint64_t>(
        scale_rounded(video.frame_rate.numerator, 1000, video.frame_rate.denominator));
    const std::string digits = std::to_string(1000 + thousandths % 1000).substr(1);
    text << ",FRAME-RATE=" << thousandths / 1000 << "." << digits;
  }
  text << ",VIDEO-RANGE=" << video_range(video.colour);
}

void begin_variant(Text& text, std::int64_t bandwidth, std::int64_t average) {
  text << "#EXT-X-STREAM-INF:BANDWIDTH=" << static_cast<std::uint64_t>(bandwidth)
       << ",AVERAGE-BANDWIDTH=" << static_cast<std::uint64_t>(std::min(average, bandwidth))
       << ",CODECS=\"";
}

void write_variant(Text& text, const RenditionEntry& rendition, const AudioGroup& group,
                   ClosedCaptions captions, std::string_view file) {
  const bool is_video = rendition.track->kind == MediaKind::kVideo;
  const bool has_group = is_video && !group.members.empty();
  begin_variant(text, rendition.bandwidth + (has_group ? group.bandwidth : 0),
                rendition.average_bandwidth + (has_group ? group.average_bandwidth : 0));
  text << rendition.codecs;
  if (has_group)
    for (const auto codec : group.codecs) text << "," << codec;
  text << "\"";
  if (is_video) {
    write_picture(text, rendition.track->video);
    // §4.4.6.2: with NONE a player need not look for any (Shaka would load three segments for it).
    text << ",CLOSED-CAPTIONS=" << (captions == ClosedCaptions::kNone ? "NONE" : "\"captions\"");
  }
  if (has_group) text << ",AUDIO=\"audio\"";
  text << "\n" << rendition.name << "/" << file << "\n";
}

/// The group by itself. It names the group, so that a player can go on in the chosen language.
void write_audio_only(Text& text, const AudioGroup& group, ClosedCaptions captions,
                      std::string_view file) {
  begin_variant(text, group.bandwidth, group.average_bandwidth);
  for (const auto codec : group.codecs) text << (codec == group.codecs.front() ? "" : ",") << codec;
  text << "\"";
  // §4.4.6.2: "If the value is the enumerated-string NONE, all EXT-X-STREAM-INF tags MUST have this
  // attribute with a value of NONE".
  if (captions == ClosedCaptions::kNone) text << ",CLOSED-CAPTIONS=NONE";
  text << ",AUDIO=\"audio\"\n" << group.members.front()->name << "/" << file << "\n";
}

/// What the bits take in MPEG-TS, where a packet of 188 bytes has 184 of them, a picture some 112
/// around it on average (PES header, delimiter, stuffing), and sound and tables theirs.
std::int64_t ts_bandwidth(std::int64_t bandwidth, const RenditionEntry& main) {
  constexpr std::int64_t kOfSoundAndTables = 32'000;
  constexpr std::int64_t kPictureBits = 8 * 112;
  const Rational rate = main.track->video.frame_rate;
  const bool is_video = main.track->kind == MediaKind::kVideo;
  const std::int64_t pictures = !is_video            ? 0
                                : rate.numerator > 0 ? rate.numerator / rate.denominator + 1
                                                     : 30;
  return scale_rounded(bandwidth, 188, 184) + pictures * kPictureBits + kOfSoundAndTables;
}

void write_captions(Text& text, ClosedCaptions captions) {
  if (captions == ClosedCaptions::kCea608)
    text << "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"CC1\",LANGUAGE=\"und\","
            "DEFAULT=NO,AUTOSELECT=YES,INSTREAM-ID=\"CC1\"\n";
}

}  // namespace

std::string render_ts_multivariant(const std::vector<RenditionEntry>& pictures,
                                   const std::optional<RenditionEntry>& sound,
                                   ClosedCaptions captions) {
  Text text(256 + 256 * pictures.size());
  text << "#EXTM3U\n";
  if (!pictures.empty()) write_captions(text, captions);
  for (const auto& picture : pictures) {
    begin_variant(
        text, ts_bandwidth(picture.bandwidth + (sound ? sound->bandwidth : 0), picture),
        ts_bandwidth(picture.average_bandwidth + (sound ? sound->average_bandwidth : 0), picture));
    text << picture.codecs;
    if (sound) text << "," << sound->codecs;
    text << "\"";
    write_picture(text, picture.track->video);
    text << ",CLOSED-CAPTIONS=" << (captions == ClosedCaptions::kNone ? "NONE" : "\"captions\"")
         << "\n"
         << picture.name << "/ts.m3u8\n";
  }
  if (!pictures.empty()) return text.take();
  begin_variant(text, ts_bandwidth(sound->bandwidth, *sound),
                ts_bandwidth(sound->average_bandwidth, *sound));
  text << sound->codecs << "\"\n" << sound->name << "/ts.m3u8\n";
  return text.take();
}

std::string render_multivariant(const std::vector<RenditionEntry>& renditions,
                                ClosedCaptions captions, AudioOnly audio_only,
                                std::string_view file) {
  Text text(256 + 256 * renditions.size());
  text << "#EXTM3U\n";
  const AudioGroup group = audio_group(renditions);
  const bool has_video = group.members.size() < renditions.size();
  if (has_video) write_audio(text, group, file);
  if (has_video) write_captions(text, captions);
  for (const auto& rendition : renditions)
    if (!has_video || rendition.track->kind == MediaKind::kVideo)
      write_variant(text, rendition, group, captions, file);
  if (has_video && !group.members.empty() && audio_only == AudioOnly::kOffered)
    write_audio_only(text, group, captions, file);
  return text.take();
}

}  // namespace millrace::hls::playlist
