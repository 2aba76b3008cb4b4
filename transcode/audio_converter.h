#pragma once
// Sound of any codec to AAC-LC or Opus of one or two channels, by libavcodec. In the worker process
// only: decoders of others' bytes may crash.
//
// One thread. Times in and out are the source's.
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "media/encoded_packet.h"

extern "C" {
struct AVAudioFifo;
struct AVCodecContext;
struct AVFrame;
struct AVPacket;
struct SwrContext;
}

namespace millrace::transcode {

class AudioConverter {
 public:
  using OnPacket = std::function<void(EncodedPacket)>;

  /// To `codec`: kAac or kOpus. `bits_per_second`: of two channels.
  AudioConverter(Codec codec, std::int64_t bits_per_second);
  ~AudioConverter();
  AudioConverter(const AudioConverter&) = delete;
  AudioConverter& operator=(const AudioConverter&) = delete;

  /// A packet that cannot be decoded is counted and left out. A hole of up to a second is filled
  /// with silence, an overlap is cut; a larger step, or other sound, begins anew. kUnsupported:
  /// there is no decoder, or no encoder.
  Status push(const EncodedPacket& packet, const OnPacket& on_packet);
  /// What is held comes out.
  void drain(const OnPacket& on_packet);
  std::uint64_t errors() const { return errors_; }

 private:
  struct Free {
    void operator()(AVCodecContext* context) const;
    void operator()(AVPacket* packet) const;
    void operator()(AVFrame* frame) const;
    void operator()(SwrContext* context) const;
    void operator()(AVAudioFifo* fifo) const;
  };
  using FramePointer = std::unique_ptr<AVFrame, Free>;

  Status open_decoder(std::shared_ptr<const TrackInfo> track);
  void receive_decoded(const OnPacket& on_packet);
  void take(const AVFrame& decoded, const OnPacket& on_packet);
  bool match_converter(const AVFrame& decoded, const OnPacket& on_packet);
  bool open_encoder(int sample_rate, int channels, MediaTime start);
  FramePointer resample(const AVFrame& decoded);
  void place(const AVFrame& samples, MediaTime at, const OnPacket& on_packet);
  Result<TrackInfo> track_of_encoder() const;
  void add_silence(std::int64_t samples);
  void encode(const OnPacket& on_packet, bool is_last);
  void receive_encoded(const OnPacket& on_packet);
  void end_encoder(const OnPacket& on_packet);

  const Codec codec_;
  const std::int64_t bits_per_second_;
  std::uint64_t errors_ = 0;
  std::shared_ptr<const TrackInfo> source_;
  std::unique_ptr<AVCodecContext, Free> decoder_;
  std::unique_ptr<AVPacket, Free> packet_;
  FramePointer decoded_;

  // What the resampler was made for.
  std::unique_ptr<SwrContext, Free> resampler_;
  int from_rate_ = 0;
  int from_channels_ = 0;
  int from_format_ = -1;

  std::unique_ptr<AVCodecContext, Free> encoder_;
  std::shared_ptr<const TrackInfo> track_;   ///< Of what comes out.
  std::unique_ptr<AVAudioFifo, Free> fifo_;  ///< Less than a frame between calls.
  MediaTime start_{};                        ///< Of the encoder's first sample.
  std::int64_t placed_ = 0;                  ///< Samples since then, those in the fifo too.
  std::int64_t encoded_ = 0;
  std::int64_t to_cut_ = 0;  ///< Of samples that overlap what was placed.
};

}  // namespace millrace::transcode
