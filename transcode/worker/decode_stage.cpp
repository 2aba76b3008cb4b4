#include "transcode/worker/decode_stage.h"

#include "base/check.h"
#include "transcode/hdr.h"
#include "transcode/picture_file.h"
#include "transcode/worker/cpu_time.h"

namespace millrace::transcode::worker {
namespace {

using std::chrono::steady_clock;

// The server counts on hearing from a worker that is fed within a fraction of the second after
// which it is taken for dead.
constexpr std::chrono::milliseconds kReportEvery(250);
// A picture waits for its encoder this long after its arrival, then pictures are dropped: a tenth
// more of the usual second behind live, and more than a burst of the network lasts.
constexpr std::chrono::milliseconds kPatience(300);

}  // namespace

DecodeStage::DecodeStage(const Configuration& configuration, Device* device, PacketQueue& packets,
                         const std::vector<std::unique_ptr<RungStage>>& rungs,
                         MessageWriter& writer, std::atomic<std::uint32_t>& packets_taken,
                         const ServerClock& clock, Priority& priority)
    : configuration_(configuration),
      device_(device),
      packets_(packets),
      rungs_(rungs),
      writer_(writer),
      packets_taken_(packets_taken),
      clock_(clock),
      priority_(priority),
      cascade_(configuration.rungs, device),
      reported_at_(steady_clock::now()) {
  for (const auto& rung : configuration.rungs) thinners_.emplace_back(rung.every);
}

Status DecodeStage::run() {
  for (;;) {
    EncodedPacket packet;
    const auto state = packets_.pop(packet, kReportEvery);
    if (state == PacketQueue::State::kClosed) break;
    if (state == PacketQueue::State::kDone && !writer_.has_failed())
      RETURN_IF_ERROR(decode(packet));
    if (has_news_ && steady_clock::now() - reported_at_ >= kReportEvery) send_statistics();
  }
  std::vector<Frame> frames;
  if (decoder_) decoder_->drain([&frames](Frame frame) { frames.push_back(std::move(frame)); });
  statistics_.frames_decoded += frames.size();
  RETURN_IF_ERROR(scale(std::move(frames)));
  for (std::size_t i = 0; i < rungs_.size(); ++i)
    thinners_[i].drain([&](Frame frame) { hand_on(i, std::move(frame)); });
  if (configuration_.still.pictures > 0) RETURN_IF_ERROR(repeat_still());
  send_statistics();
  return ok();
}

Status DecodeStage::decode(const EncodedPacket& packet) {
  const auto began = steady_clock::now();
  priority_.apply();
  if (device_) RETURN_IF_ERROR(device_->check(Device::Work::kDecode));
  std::vector<Frame> frames;
  const Decoder::Handler on_frame = [&frames](Frame frame) { frames.push_back(std::move(frame)); };
  if (packet.track != track_) {
    if (decoder_) decoder_->drain(on_frame);
    RETURN_IF_ERROR(open(packet));
  }
  decoder_->push(packet, on_frame);
  if (decoder_->has_device_failed())
    return Error{ErrorCode::kSystem, configuration_.device + ": its decoder failed"};
  ++packets_taken_;
  statistics_.media += packet.duration;
  statistics_.decode_errors = earlier_decode_errors_ + decoder_->errors();
  statistics_.frames_decoded += frames.size();
  statistics_.decode_busy += steady_clock::now() - began;
  has_news_ = true;
  return scale(std::move(frames));
}

Status DecodeStage::open(const EncodedPacket& packet) {
  if (decoder_) earlier_decode_errors_ += decoder_->errors();
  ASSIGN_OR_RETURN(decoder_, Decoder::create(packet.track, device_));
  track_ = packet.track;
  return ok();
}

Status DecodeStage::scale(std::vector<Frame> frames) {
  for (Frame& frame : frames) {
    const auto began = steady_clock::now();
    RETURN_IF_ERROR(deinterlace(frame));
    if (configuration_.still.pictures > 0) {
      newest_ = std::move(frame);
      continue;
    }
    std::vector<bool> wanted;
    for (const auto& thinner : thinners_) wanted.push_back(thinner.stays(frame.picture));
    ASSIGN_OR_RETURN(auto pictures,
                     cascade_.scale(*frame.planes, wanted, frame.source->video.colour));
    statistics_.decode_busy += steady_clock::now() - began;
    // What comes while a worker starts, or catches up with old pictures, waits behind them and is
    // not late; the server bounds how far a worker may be behind.
    if (frame.picture.pts > configuration_.catch_up_until && began < deadline_of(frame.picture)) {
      is_behind_ = false;
      priority_.end_haste();
    }
    for (std::size_t i = 0; i < rungs_.size(); ++i)
      thinners_[i].push(Frame{frame.picture, std::move(pictures[i]), frame.source},
                        [&](Frame complete) { hand_on(i, std::move(complete)); });
  }
  return ok();
}

/// In memory: what a device holds is copied there, and its encoders are the CPU's.
Status DecodeStage::deinterlace(Frame& frame) {
  if (device_ && device_->holds(*frame.planes)) {
    if (!frame.planes->interlaced_frame) return ok();
    ASSIGN_OR_RETURN(frame.planes, device_->download(*frame.planes));
  }
  frame.planes = deinterlacer_.process(std::move(frame.planes));
  return ok();
}

void DecodeStage::hand_on(std::size_t rung, Frame frame) {
  if (!frame.planes) return;  // Nobody can convert the source's format.
  const auto deadline = is_behind_ ? steady_clock::time_point::max() : deadline_of(frame.picture);
  rungs_[rung]->queue().push(std::move(frame), deadline);
}

steady_clock::time_point DecodeStage::deadline_of(const Picture& picture) const {
  return clock_.ours(picture.received_at) + kPatience;
}

Status DecodeStage::repeat_still() {
  if (!track_) return Error{ErrorCode::kInvalidData, "no source to take the parameters from"};
  FramePointer picture = newest_ ? std::move(newest_->planes) : nullptr;
  std::shared_ptr<const TrackInfo> source = track_;
  if (!configuration_.still.slate.empty()) {
    // A slate has no high dynamic range, whatever the source has.
    if (is_hdr(source->video.colour)) {
      auto standard = std::make_shared<TrackInfo>(*source);
      standard->video.colour = {.primaries = 1, .transfer = 1, .matrix = 1};
      source = std::move(standard);
    }
    const Rung& largest = configuration_.rungs.front();
    ASSIGN_OR_RETURN(picture, load_picture(configuration_.still.slate, largest.width,
                                           largest.height, source->video.colour));
  }
  if (!picture) return Error{ErrorCode::kInvalidData, "no picture could be decoded"};
  const std::size_t rungs = rungs_.size();
  ASSIGN_OR_RETURN(const auto scaled,
                   cascade_.scale(*picture, std::vector<bool>(rungs, true), source->video.colour));
  for (std::size_t i = 0; i < rungs * configuration_.still.pictures; ++i) {
    const auto number = static_cast<std::int64_t>(i / rungs);
    if (!scaled[i % rungs]) return Error{ErrorCode::kUnsupported, "a picture of unknown format"};
    Frame frame;
    frame.picture.pts = number * configuration_.still.picture_duration;
    frame.picture.duration = configuration_.still.picture_duration;
    if (number == 0) frame.picture.opens_segment = 0;
    frame.planes.reset(av_frame_clone(scaled[i % rungs].get()));
    CHECK(frame.planes != nullptr);
    frame.source = source;
    rungs_[i % rungs]->queue().push(std::move(frame), steady_clock::time_point::max());
  }
  return ok();
}

void DecodeStage::send_statistics() {
  has_news_ = false;
  reported_at_ = steady_clock::now();
  statistics_.packets_taken = packets_taken_;
  statistics_.cpu = cpu_time(CLOCK_PROCESS_CPUTIME_ID);
  statistics_.rungs.clear();
  for (const auto& rung : rungs_) statistics_.rungs.push_back(rung->statistics());
  writer_.write(write_statistics(statistics_).span());
}

}  // namespace millrace::transcode::worker
