// When rungs are encoded: the part of channel.h's Channel that asks who wants them, and whether the
// operator has said something else.
#include <algorithm>
#include <utility>

#include "app/channel.h"
#include "app/channel_rendition.h"
#include "base/log.h"

namespace millrace::app {

Ladder Channel::with_overrides(Ladder ladder) const {
  for (auto& rung : ladder)
    if (const auto said = encode_overrides_.find(rung.name); said != encode_overrides_.end())
      rung.mode = said->second;
  return ladder;
}

bool Channel::is_off(const transcode::Rung& rung) const {
  const auto said = encode_overrides_.find(rung.name);
  return said != encode_overrides_.end() && said->second == transcode::RungMode::kOff;
}

std::optional<Channel::Encode> Channel::encode_of(const std::string& rung) const {
  const Ladder ladder = with_overrides(*template_);
  const auto found = std::find_if(ladder.begin(), ladder.end(), [&](const auto& one) {
    return one.name == rung && !one.passthrough;
  });
  if (found == ladder.end()) return std::nullopt;
  return Encode{.mode = found->mode.value_or(rules_.encode),
                .is_override = encode_overrides_.contains(rung)};
}

void Channel::set_encode(const std::string& rung, std::optional<transcode::RungMode> mode) {
  if (mode)
    encode_overrides_[rung] = *mode;
  else
    encode_overrides_.erase(rung);
  if (const auto now = encode_of(rung))
    log::info("app", "rung is encoded as the operator says channel={} rung={} encode={}", name_,
              rung, to_string(now->mode));
  follow_demand();
}

std::vector<bool> Channel::rungs_in_demand() const {
  const auto now = context_.clock.steady_now();
  const auto is_asked_for = [&](const transcode::Rung& rung) {
    const auto asked = output_->demand(rung.name).last_request;
    return asked != decltype(asked)() && now - asked < context_.config.transcode.idle_after;
  };
  std::vector<bool> wanted;
  wanted.reserve(rungs_.size());
  for (const auto& rung : rungs_) {
    const auto said = encode_overrides_.find(rung.name);
    const bool is_on_demand = said == encode_overrides_.end()
                                  ? rung.is_on_demand
                                  : said->second != transcode::RungMode::kAlways;
    wanted.push_back(!is_off(rung) && (!is_on_demand || is_asked_for(rung)));
  }
  return wanted;
}

std::vector<bool> Channel::admitted_rungs() {
  auto admitted = encoding_->is_elsewhere() ? admission_.admit_elsewhere(rungs_in_demand())
                                            : admission_.admit(rungs_in_demand(), encoding_->help(),
                                                               context_.clock.steady_now());
  for (std::size_t i = 0; i < rungs_.size(); ++i)
    output_->refuse(rungs_[i].name, admission_.is_refused(i) || is_off(rungs_[i]));
  return admitted;
}

/// What it was admitted with is others' until there is a source again.
void Channel::on_drained() {
  is_drained_ = true;
  admission_.give_back();
}

/// What nobody wants ends with its segment; what is wanted anew catches up from where the first of
/// it is awaited.
void Channel::follow_demand() {
  if (!encoding_ || ladder_is_draining_) return;
  const auto wanted = admitted_rungs();
  if (wanted == encoding_->wanted()) return;
  std::optional<SegmentNumber> first, promised;
  std::vector<Sink<EncodedPacket>*> older_outputs;
  for (std::size_t i = 0; i < rungs_.size(); ++i) {
    const hls::Demand demand = output_->demand(rungs_[i].name);
    if (!wanted[i] || encoding_->wanted()[i] || demand.from == 0) continue;
    first = std::min(first.value_or(demand.from), demand.from);
    if (demand.promised == 0) continue;
    promised = std::min(promised.value_or(demand.promised), demand.promised);
    older_outputs.push_back(renditions_.at(rungs_[i].name)->older.get());
  }
  transcode::CatchUp catch_up;
  if (first) catch_up.backlog = backlog(*first);
  if (promised && !catch_up.backlog.empty())
    catch_up.older = source_rendition_->last_pictures.packets_between(*promised, *first);
  if (catch_up.older.empty())  // It is not kept any more.
    for (auto* const output : older_outputs) finish(*output);
  encoding_->want(wanted, std::move(catch_up));
}

std::vector<EncodedPacket> Channel::backlog(SegmentNumber first) const {
  auto packets = source_rendition_->last_pictures.packets_from(first);
  // A segment may have opened with the part that has not ended.
  const auto begin = packets.empty() ? std::find_if(open_part_.begin(), open_part_.end(),
                                                    [](const EncodedPacket& packet) {
                                                      return packet.is_key_frame &&
                                                             packet.opens_segment.has_value();
                                                    })
                                     : open_part_.begin();
  packets.insert(packets.end(), begin, open_part_.end());
  return packets;
}

}  // namespace millrace::app
