#include <algorithm>

#include "packager/box_writer.h"
#include "packager/fmp4_writer.h"

namespace millrace::packager {
namespace {

constexpr std::uint32_t kTrackId = 1;
constexpr std::uint32_t kUnityMatrix[] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};

void write_matrix(BoxWriter& out) {
  for (const std::uint32_t value : kUnityMatrix) out.u32(value);
}

void write_movie_header(BoxWriter& out, std::uint32_t timescale) {
  out.full_box("mvhd", 0, 0, [&] {
    out.zeros(8);  // creation and modification time
    out.u32(timescale);
    out.u32(0);        // duration: unknown, it is live
    out.u32(0x10000);  // rate 1.0
    out.u16(0x0100);   // volume 1.0
    out.zeros(10);
    write_matrix(out);
    out.zeros(24);
    out.u32(kTrackId + 1);  // next_track_ID
  });
}

// The size at which the picture is shown, 16.16, as far as that goes.
std::uint32_t display_width(const VideoParameters& video) {
  constexpr std::int64_t kWidest = 0xffff0000;
  const Rational ratio = video.sample_aspect_ratio;
  return static_cast<std::uint32_t>(std::min(
      kWidest, scale_rounded(std::int64_t{video.width} << 16, ratio.numerator, ratio.denominator)));
}

void write_track_header(BoxWriter& out, const TrackInfo& track) {
  const bool is_video = track.kind == MediaKind::kVideo;
  out.full_box("tkhd", 0, 7, [&] {  // enabled, in movie, in preview
    out.zeros(8);
    out.u32(kTrackId);
    out.zeros(4 + 4 + 8);            // reserved, duration, reserved
    out.zeros(4);                    // layer, alternate_group
    out.u16(is_video ? 0 : 0x0100);  // volume
    out.zeros(2);
    write_matrix(out);
    out.u32(is_video ? display_width(track.video) : 0);
    out.u32(is_video ? static_cast<std::uint32_t>(track.video.height) << 16 : 0);
  });
}

void write_colour(BoxWriter& out, const Colour& colour) {
  if (colour.primaries == 2 && colour.transfer == 2 && colour.matrix == 2) return;
  out.box("colr", [&] {
    out.text("nclx");
    out.u16(static_cast<std::uint32_t>(colour.primaries));
    out.u16(static_cast<std::uint32_t>(colour.transfer));
    out.u16(static_cast<std::uint32_t>(colour.matrix));
    out.u8(colour.is_full_range ? 0x80 : 0);
  });
}

struct VideoFormat {
  std::string_view entry;
  std::string_view configuration;
};

VideoFormat format_of(Codec codec) {
  switch (codec) {
    case Codec::kHevc:
      return {"hvc1", "hvcC"};
    case Codec::kAv1:
      return {"av01", "av1C"};
    default:
      return {"avc1", "avcC"};
  }
}

void write_video_entry(BoxWriter& out, const TrackInfo& track) {
  const VideoFormat format = format_of(track.codec);
  out.box(format.entry, [&] {
    out.zeros(6);
    out.u16(1);  // data_reference_index
    out.zeros(16);
    out.u16(static_cast<std::uint32_t>(track.video.width));
    out.u16(static_cast<std::uint32_t>(track.video.height));
    out.u32(0x480000);  // 72 dpi
    out.u32(0x480000);
    out.zeros(4);
    out.u16(1);  // frame_count
    out.zeros(32);
    out.u16(24);      // depth
    out.u16(0xffff);  // pre_defined
    out.box(format.configuration, [&] { out.bytes(track.codec_configuration.span()); });
    write_colour(out, track.video.colour);
    out.box("pasp", [&] {
      out.u32(static_cast<std::uint32_t>(track.video.sample_aspect_ratio.numerator));
      out.u32(static_cast<std::uint32_t>(track.video.sample_aspect_ratio.denominator));
    });
  });
}

// Descriptors of ISO/IEC 14496-1 7.2.6, whose sizes always take four bytes of seven bits (8.3.3).
constexpr std::size_t kDescriptorHeader = 5;

template <typename Content>
void write_descriptor(BoxWriter& out, std::uint32_t tag, std::size_t size, Content content) {
  out.u8(tag);
  for (int shift = 21; shift >= 0; shift -= 7)
    out.u8(static_cast<std::uint32_t>(size >> shift & 0x7f) | (shift > 0 ? 0x80 : 0));
  content();
}

void write_elementary_stream(BoxWriter& out, std::span<const std::uint8_t> specific_config) {
  const std::size_t decoder = 13 + kDescriptorHeader + specific_config.size();
  const std::size_t stream = 3 + kDescriptorHeader + decoder + kDescriptorHeader + 1;
  write_descriptor(out, 0x03, stream, [&] {  // ES_Descriptor
    out.u16(0);                              // ES_ID: 0 in a file
    out.u8(0);
    write_descriptor(out, 0x04, decoder, [&] {  // DecoderConfigDescriptor
      out.u8(0x40);                             // MPEG-4 audio
      out.u8(0x15);                             // audio stream
      out.zeros(3 + 4 + 4);                     // buffer size, maximum and average bit rate
      write_descriptor(out, 0x05, specific_config.size(), [&] { out.bytes(specific_config); });
    });
    write_descriptor(out, 0x06, 1, [&] { out.u8(2); });  // SLConfigDescriptor: MP4
  });
}

void write_audio_entry(BoxWriter& out, const TrackInfo& track) {
  const bool is_opus = track.codec == Codec::kOpus;
  out.box(is_opus ? "Opus" : "mp4a", [&] {
    out.zeros(6);
    out.u16(1);  // data_reference_index
    out.zeros(8);
    out.u16(static_cast<std::uint32_t>(track.audio.channels));
    out.u16(16);  // sample size
    out.zeros(4);
    // 16.16; what does not fit is told by the AudioSpecificConfig alone.
    out.u32(track.audio.sample_rate > 0xffff
                ? 0
                : static_cast<std::uint32_t>(track.audio.sample_rate) << 16);
    if (is_opus)
      out.box("dOps", [&] { out.bytes(track.codec_configuration.span()); });
    else
      out.full_box("esds", 0, 0,
                   [&] { write_elementary_stream(out, track.codec_configuration.span()); });
  });
}

void write_sample_table(BoxWriter& out, const TrackInfo& track) {
  out.box("stbl", [&] {
    out.full_box("stsd", 0, 0, [&] {
      out.u32(1);
      if (track.kind == MediaKind::kVideo)
        write_video_entry(out, track);
      else
        write_audio_entry(out, track);
    });
    for (const char* const table : {"stts", "stsc", "stco"})
      out.full_box(table, 0, 0, [&] { out.u32(0); });
    out.full_box("stsz", 0, 0, [&] { out.zeros(8); });
  });
}

/// ISO/IEC 14496-12 8.4.2.3: three letters of five bits.
std::uint32_t packed_language(std::string_view language) {
  if (language.size() != 3) language = "und";
  std::uint32_t packed = 0;
  for (const char letter : language)
    packed = packed << 5 | (static_cast<std::uint32_t>(letter - 0x60) & 0x1f);
  return packed;
}

void write_media(BoxWriter& out, const TrackInfo& track) {
  const bool is_video = track.kind == MediaKind::kVideo;
  out.box("mdia", [&] {
    out.full_box("mdhd", 0, 0, [&] {
      out.zeros(8);
      out.u32(timescale_of(track));
      out.u32(0);
      out.u16(packed_language(track.language));
      out.u16(0);
    });
    out.full_box("hdlr", 0, 0, [&] {
      out.u32(0);
      out.text(is_video ? "vide" : "soun");
      out.zeros(12);
      out.text("millrace");
      out.u8(0);
    });
    out.box("minf", [&] {
      if (is_video)
        out.full_box("vmhd", 0, 1, [&] { out.zeros(8); });
      else
        out.full_box("smhd", 0, 0, [&] { out.zeros(4); });
      out.box("dinf", [&] {
        out.full_box("dref", 0, 0, [&] {
          out.u32(1);
          out.full_box("url ", 0, 1, [] {});  // Self-contained.
        });
      });
      write_sample_table(out, track);
    });
  });
}

}  // namespace

std::uint32_t timescale_of(const TrackInfo& track) {
  constexpr std::int64_t kMpegClock = 90'000;
  constexpr std::int64_t kFineEnough = 24'000;  // What variable times are rounded to.
  constexpr std::int64_t kFinest = 1'000'000;
  if (track.kind == MediaKind::kAudio) return static_cast<std::uint32_t>(track.audio.sample_rate);
  const Rational rate = track.video.frame_rate;
  if (rate.numerator <= 0 || rate.numerator > kFinest ||
      kMpegClock * rate.denominator % rate.numerator == 0)
    return kMpegClock;
  const std::int64_t multiple = (kFineEnough + rate.numerator - 1) / rate.numerator;
  return static_cast<std::uint32_t>(rate.numerator * multiple);
}

Bytes write_init_segment(const TrackInfo& track) {
  BoxWriter out;
  out.box("ftyp", [&] {
    out.text("iso6");
    out.u32(0);
    out.text("iso6cmfcmp41");
  });
  out.box("moov", [&] {
    write_movie_header(out, timescale_of(track));
    out.box("trak", [&] {
      write_track_header(out, track);
      write_media(out, track);
    });
    out.box("mvex", [&] {
      out.full_box("trex", 0, 0, [&] {
        out.u32(kTrackId);
        out.u32(1);  // default_sample_description_index
        out.zeros(12);
      });
    });
  });
  return Bytes::copy_of(out.written());
}

}  // namespace millrace::packager
