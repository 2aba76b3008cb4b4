// create_key_authority() of ingest/ingest.h: signed keys, static keys, the open mode, then the next
// authority; and the queue of answers that are delayed.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "ingest/auth/key_file.h"
#include "ingest/auth/key_table.h"
#include "ingest/auth/signed_key.h"
#include "ingest/auth/verdicts.h"

namespace millrace::ingest {
namespace {

// Requests that wait for their delay; each holds one connection, which has its own limits.
constexpr std::size_t kMaxDelayed = 1'000;
constexpr std::ptrdiff_t kMaxDelayedOfAddress = 20;

std::map<std::string, PublishLimits> limits_of(const KeyOptions& options) {
  std::map<std::string, PublishLimits> limits;
  for (const auto& [name, channel] : options.channels) {
    const PublishLimits& own = channel.limits;
    const PublishLimits& all = options.limits;
    limits[name] = {
        .bits_per_second = own.bits_per_second != 0 ? own.bits_per_second : all.bits_per_second,
        .width = own.width != 0 ? own.width : all.width,
        .height = own.height != 0 ? own.height : all.height,
        .frame_rate = own.frame_rate > 0 ? own.frame_rate : all.frame_rate,
        .session = own.session.count() != 0 ? own.session : all.session};
  }
  return limits;
}

std::vector<KeyEntry> configured_entries(const KeyOptions& options) {
  std::vector<KeyEntry> entries;
  for (const auto& [name, channel] : options.channels)
    for (const auto& key : channel.keys) entries.push_back({key, {name}, {}});
  return entries;
}

class Keys final : public KeyAuthority {
 public:
  Keys(KeyOptions options, Authority* next, Metrics& metrics, const Clock& clock)
      : options_(std::move(options)),
        configured_(configured_entries(options_)),
        next_(next),
        clock_(clock),
        verdicts_(std::make_shared<Verdicts>(limits_of(options_), options_.limits, metrics, clock)),
        key_count_(metrics.gauge("millrace_auth_keys", "Static keys, of both sources.")),
        delayed_count_(metrics.gauge("millrace_auth_delayed",
                                     "Publishers whose answer is delayed after wrong keys.")),
        address_count_(metrics.gauge("millrace_auth_addresses",
                                     "Addresses whose right and wrong keys are remembered.")),
        file_errors_(metrics.counter("millrace_auth_key_file_errors_total",
                                     "Times that a changed key file could not be taken.")),
        key_file_(options_.key_file) {
    install({});
  }

  /// The key file for the first time.
  Status open() {
    if (options_.key_file.empty()) return ok();
    auto read = key_file_.read_if_changed();
    if (!read->has_value()) return std::move(*read).error();
    install(std::move(*read).value());
    return ok();
  }

  void authorize(const PublishRequest& request, AuthorityReply reply) override;
  void maintain() override;
  void stop() override;

 private:
  struct Delayed {
    Attempts::TimePoint until;
    std::string address;
    PublishRequest request;
    AuthorityReply reply;
  };

  void install(std::vector<KeyEntry> from_file);
  std::shared_ptr<const KeyTable> table() const {
    const MutexLock lock(mutex_);
    return table_;
  }
  bool is_signed(const std::string& key) const;
  bool hold(std::chrono::milliseconds delay, const PublishRequest& request, AuthorityReply& reply);
  Decision judge(const PublishRequest& request) const;
  Decision judge_open(const PublishName& name, const KeyTable& keys) const;
  void decide(const PublishRequest& request, AuthorityReply reply);
  void give_delayed();
  void read_key_file();

  const KeyOptions options_;
  const std::vector<KeyEntry> configured_;
  Authority* const next_;
  const Clock& clock_;
  const std::shared_ptr<Verdicts> verdicts_;  ///< Shared with answers of `next_` that come late.
  Gauge key_count_;
  Gauge delayed_count_;
  Gauge address_count_;
  Counter file_errors_;
  KeyFile key_file_;  ///< maintain()'s, once it is open.

  mutable Mutex mutex_;
  std::shared_ptr<const KeyTable> table_ GUARDED_BY(mutex_);
  std::vector<Delayed> delayed_ GUARDED_BY(mutex_);
  bool is_stopped_ GUARDED_BY(mutex_) = false;
};

void Keys::install(std::vector<KeyEntry> from_file) {
  from_file.insert(from_file.end(), configured_.begin(), configured_.end());
  auto fresh = std::make_shared<const KeyTable>(from_file);
  key_count_.set(static_cast<double>(fresh->size()));
  const MutexLock lock(mutex_);
  table_.swap(fresh);  // The old one is freed behind the lock.
}

void Keys::authorize(const PublishRequest& request, AuthorityReply reply) {
  if (is_signed(request.key)) return decide(request, std::move(reply));
  const std::string address = slowed_address(request.remote_address);
  const auto now = clock_.steady_now();
  if (request.cannot_wait) {
    if (verdicts_->attempts().may_look(address, request.key, now))
      return decide(request, std::move(reply));
    return verdicts_->refuse_unseen(request, reply);
  }
  const auto delay = verdicts_->attempts().delay(address, request.key, now);
  if (delay == delay.zero()) return decide(request, std::move(reply));
  if (!hold(delay, request, reply)) verdicts_->refuse_unseen(request, reply);
}

/// A signature is found by no number of guesses, and is checked in microseconds: never delayed.
bool Keys::is_signed(const std::string& key) const {
  if (options_.signing_keys.empty()) return false;
  const auto name = parse_publish_name(key);
  return name.has_value() && name.value().find("sig") != nullptr;
}

/// False: there is no room, and `reply` is as it was.
bool Keys::hold(std::chrono::milliseconds delay, const PublishRequest& request,
                AuthorityReply& reply) {
  const std::string address = slowed_address(request.remote_address);
  const MutexLock lock(mutex_);
  const auto of_address = std::count_if(delayed_.begin(), delayed_.end(),
                                        [&](const Delayed& one) { return one.address == address; });
  if (is_stopped_ || delayed_.size() >= kMaxDelayed || of_address >= kMaxDelayedOfAddress)
    return false;
  delayed_.push_back({clock_.steady_now() + delay, address, request, std::move(reply)});
  delayed_count_.set(static_cast<double>(delayed_.size()));
  return true;
}

Decision Keys::judge(const PublishRequest& request) const {
  const auto name = parse_publish_name(request.key);
  if (!name.has_value()) return denied(Why::kMalformed, name.error().message);
  // Without a secret of ours a signature is somebody else's: the webhook's, say.
  if (name.value().find("sig") != nullptr && !options_.signing_keys.empty())
    return judge_signed_key(name.value(), options_.signing_keys, clock_.wall_now());
  const auto keys = table();
  auto decision = keys->judge(name.value());
  if (decision.grant || decision.why != Why::kUnknownKey || !options_.open) return decision;
  return judge_open(name.value(), *keys);
}

/// A channel that has keys, or that is configured, opens to its keys only.
Decision Keys::judge_open(const PublishName& name, const KeyTable& keys) const {
  if (!is_channel_name(name.name))
    return denied(Why::kUnknownKey, "the key is not a channel name ([a-z0-9][a-z0-9_-]{0,63})");
  if (options_.channels.contains(name.name) || keys.has_channel(name.name))
    return denied(Why::kUnknownKey, "the channel of this name wants one of its keys");
  return granted(name.name, {});
}

void Keys::decide(const PublishRequest& request, AuthorityReply reply) {
  auto decision = judge(request);
  if (decision.grant) return verdicts_->grant(request, std::move(*decision.grant), reply);
  if (decision.why != Why::kUnknownKey || next_ == nullptr)
    return verdicts_->refuse(request, decision.why, decision.message, reply);
  next_->authorize(request,
                   [verdicts = verdicts_, request, reply = std::move(reply)](Result<Grant> answer) {
                     verdicts->pass_on(request, std::move(answer), reply);
                   });
}

void Keys::maintain() {
  give_delayed();
  address_count_.set(static_cast<double>(verdicts_->attempts().addresses()));
  if (!options_.key_file.empty()) read_key_file();
}

void Keys::give_delayed() {
  std::vector<Delayed> due;
  {
    const MutexLock lock(mutex_);
    const auto now = clock_.steady_now();
    const auto first_due = std::stable_partition(
        delayed_.begin(), delayed_.end(), [&](const Delayed& one) { return one.until > now; });
    std::move(first_due, delayed_.end(), std::back_inserter(due));
    delayed_.erase(first_due, delayed_.end());
    delayed_count_.set(static_cast<double>(delayed_.size()));
  }
  for (auto& one : due) decide(one.request, std::move(one.reply));
}

void Keys::read_key_file() {
  auto read = key_file_.read_if_changed();
  if (!read) return;
  if (!read->has_value()) {
    file_errors_.increment();
    log::error("ingest", "the key file cannot be taken, the keys before it stay: {}",
               read->error().message);
    return;
  }
  install(std::move(*read).value());
  log::info("ingest", "key file read keys={}", table()->size());
}

void Keys::stop() {
  std::vector<Delayed> left;
  {
    const MutexLock lock(mutex_);
    is_stopped_ = true;
    left.swap(delayed_);
    delayed_count_.set(0);
  }
  for (auto& one : left) one.reply(Error{ErrorCode::kClosed, "the server stops"});
}

}  // namespace

Result<std::unique_ptr<KeyAuthority>> create_key_authority(KeyOptions options, Authority* next,
                                                           Metrics& metrics, const Clock& clock) {
  for (const auto& [name, channel] : options.channels)
    for (const auto& key : channel.keys) RETURN_IF_ERROR(check_key(key));
  auto keys = std::make_unique<Keys>(std::move(options), next, metrics, clock);
  RETURN_IF_ERROR(keys->open());
  return keys;
}

}  // namespace millrace::ingest
