#include "app/last_pictures.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "packager/packager.h"

namespace millrace::app {
namespace {

// A chunk's times are rounded to its ticks; no frame is as short.
constexpr MediaTime kRounding = std::chrono::milliseconds(1);

}  // namespace

Status LastPictures::push(CmafChunk chunk) {
  has_news_ = true;
  if (chunk.starts_discontinuity) forget();  // Nothing is decoded across it.
  const bool opens_segment = newest_segment_ != chunk.segment_number;
  newest_segment_ = chunk.segment_number;
  if (chunk.is_independent || !chunks_.empty()) {
    bytes_ += chunk.bytes.size();
    chunks_.push_back({chunk, opens_segment});
  }
  while (!chunks_.empty() &&
         (bytes_ > kMaxBytes ||
          chunks_.front().chunk.segment_number + kMaxSegments <= chunk.segment_number))
    drop_first();
  return next_.push(std::move(chunk));
}

void LastPictures::forget() {
  chunks_.clear();
  bytes_ = 0;
}

/// Up to the next chunk that can be the first.
void LastPictures::drop_first() {
  do {
    bytes_ -= chunks_.front().chunk.bytes.size();
    chunks_.pop_front();
  } while (!chunks_.empty() && !chunks_.front().chunk.is_independent);
}

std::vector<EncodedPacket> LastPictures::packets() const {
  const auto newest = std::find_if(chunks_.rbegin(), chunks_.rend(),
                                   [](const Kept& kept) { return kept.chunk.is_independent; });
  return newest == chunks_.rend() ? std::vector<EncodedPacket>()
                                  : packets_in(std::prev(newest.base()), chunks_.end());
}

std::vector<EncodedPacket> LastPictures::packets_from(SegmentNumber first) const {
  return packets_in(find(first), chunks_.end());
}

std::vector<EncodedPacket> LastPictures::packets_between(SegmentNumber first,
                                                         SegmentNumber end) const {
  const auto begin = find(first);
  return packets_in(begin, std::find_if(begin, chunks_.end(), [end](const Kept& kept) {
                      return kept.chunk.segment_number >= end;
                    }));
}

LastPictures::Chunks::const_iterator LastPictures::find(SegmentNumber first) const {
  return std::find_if(chunks_.begin(), chunks_.end(), [first](const Kept& kept) {
    return kept.opens_segment && kept.chunk.is_independent && kept.chunk.segment_number >= first;
  });
}

bool LastPictures::ends_with(const EncodedPacket& packet) const {
  if (chunks_.empty()) return false;
  const MediaTime apart = packager::packets_of(chunks_.back().chunk).back().pts - packet.pts;
  return apart < kRounding && apart > -kRounding;
}

std::vector<EncodedPacket> LastPictures::packets_in(Chunks::const_iterator first,
                                                    const Chunks::const_iterator& end) const {
  std::vector<EncodedPacket> packets;
  for (; first != end; ++first) {
    auto more = packager::packets_of(first->chunk);
    if (first->opens_segment) {
      more.front().opens_segment = first->chunk.segment_number;
      more.front().starts_discontinuity = first->chunk.starts_discontinuity;
    }
    packets.insert(packets.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
  }
  return packets;
}

}  // namespace millrace::app
