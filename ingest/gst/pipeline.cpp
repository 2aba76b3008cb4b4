#include "ingest/gst/pipeline.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <utility>

#include "base/mutex.h"
#include "ingest/gst/sample_reader.h"
#include "ingest/gst/stream_branches.h"

namespace millrace::ingest {
namespace {

constexpr auto kVideoCaps =
    "video/x-h264, stream-format=(string)avc, alignment=(string)au;"
    "video/x-h265, stream-format=(string)hvc1, alignment=(string)au;"
    "video/x-av1, stream-format=(string)obu-stream, alignment=(string)tu";
constexpr auto kAudioCaps = "audio/mpeg, mpegversion=(int)4, stream-format=(string)raw";

Error take_error(GError* error, std::string_view during) {
  Error result{ErrorCode::kInvalidData,
               "gst: " + std::string(during) + ": " + (error ? error->message : "unknown error")};
  g_clear_error(&error);
  return result;
}

/// Errors and the end of the stream go to `events`, on the thread that posts them; a bus that
/// nobody reads must not collect the rest.
GstBusSyncReply on_message(GstBus*, GstMessage* message, gpointer user_data) {
  const auto& events = *static_cast<const Pipeline::Events*>(user_data);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
    events.on_end(Error{ErrorCode::kClosed, "gst: end of the stream"});
  } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    Error ours = take_error(error, GST_MESSAGE_SRC_NAME(message));
    ours.code = ErrorCode::kSystem;
    events.on_end(std::move(ours));
  }
  gst_message_unref(message);
  return GST_BUS_DROP;
}

}  // namespace

/// The state that is wanted, and the one thread at a time that brings it about: a start that is
/// overtaken by a stop leaves the pipeline stopped.
struct Pipeline::State {
  Mutex mutex;
  std::condition_variable_any has_settled;
  bool is_wanted GUARDED_BY(mutex) = false;
  bool is_changing GUARDED_BY(mutex) = false;

  void want(GstElement* element, bool running) {
    const MutexLock lock(mutex);
    if (is_wanted == running) return;
    is_wanted = running;
    if (std::exchange(is_changing, true)) return;
    gst_element_call_async(
        element, [](GstElement* self, gpointer state) { static_cast<State*>(state)->settle(self); },
        this, nullptr);
  }

  void settle(GstElement* element) {
    bool target = false;
    mutex.lock();
    for (bool is_first = true; is_first || target != is_wanted; is_first = false) {
      target = is_wanted;
      mutex.unlock();
      gst_element_set_state(element, target ? GST_STATE_PLAYING : GST_STATE_NULL);
      mutex.lock();
    }
    is_changing = false;
    has_settled.notify_all();
    mutex.unlock();
  }

  bool is_at_rest() {
    const MutexLock lock(mutex);
    return !is_wanted && !is_changing;
  }

  void wait() {
    mutex.lock();
    while (is_changing) has_settled.wait(mutex);
    mutex.unlock();
  }
};

struct Pipeline::Output {
  const Events& events;
  SampleReader reader;

  static GstFlowReturn on_sample(GstAppSink* appsink, gpointer user_data) {
    GstSample* sample = gst_app_sink_pull_sample(appsink);
    if (!sample) return GST_FLOW_EOS;
    auto& self = *static_cast<Output*>(user_data);
    auto packet = self.reader.read(sample, std::chrono::steady_clock::now());
    gst_sample_unref(sample);
    if (!packet.has_value()) {
      self.events.on_end(std::move(packet).error());
      return GST_FLOW_ERROR;
    }
    if (packet.value()) self.events.on_packet(std::move(*packet.value()));
    return GST_FLOW_OK;
  }

  static GstFlowReturn on_bytes(GstAppSink* appsink, gpointer user_data) {
    GstSample* sample = gst_app_sink_pull_sample(appsink);
    if (!sample) return GST_FLOW_EOS;
    const auto& events = *static_cast<const Events*>(user_data);
    GstMapInfo map;
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    bool is_taken = true;
    if (buffer && gst_buffer_map(buffer, &map, GST_MAP_READ)) {
      is_taken = events.on_bytes({map.data, map.size}, std::chrono::steady_clock::now());
      gst_buffer_unmap(buffer, &map);
    }
    gst_sample_unref(sample);
    return is_taken ? GST_FLOW_OK : GST_FLOW_ERROR;
  }
};

namespace {

/// kInvalidData: there is no such element or property. The message has no value in it.
Status set_property(GstElement* pipeline, const PipelineText::Property& property) {
  GstElement* element = gst_bin_get_by_name(GST_BIN(pipeline), property.element.c_str());
  if (!element)
    return Error{ErrorCode::kInvalidData, "gst: there is no element " + property.element};
  const GParamSpec* spec =
      g_object_class_find_property(G_OBJECT_GET_CLASS(element), property.name.c_str());
  if (spec && spec->value_type == G_TYPE_STRING)
    g_object_set(element, property.name.c_str(), property.value.c_str(), nullptr);
  else if (spec)
    gst_util_set_object_arg(G_OBJECT(element), property.name.c_str(), property.value.c_str());
  gst_object_unref(element);
  if (spec) return ok();
  return Error{ErrorCode::kInvalidData,
               "gst: " + property.element + " has no property " + property.name};
}

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::create(const PipelineText& text, Events events) {
  GError* error = nullptr;
  if (!gst_init_check(nullptr, nullptr, &error)) return take_error(error, "start of GStreamer");
  GstElement* element =
      gst_parse_launch_full(text.description.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!element) return take_error(error, "pipeline");
  if (!GST_IS_PIPELINE(element)) {  // A single one, which may be a source of streams.
    GstElement* pipeline = gst_pipeline_new(nullptr);
    gst_bin_add(GST_BIN(pipeline), element);
    element = pipeline;
  }
  gst_object_ref_sink(element);
  // Before properties: a pipeline that cannot be set up is taken down as any.
  auto pipeline = std::unique_ptr<Pipeline>(new Pipeline(element, std::move(events)));
  for (const auto& property : text.properties) RETURN_IF_ERROR(set_property(element, property));
  pipeline->connect_streams(text.is_paced);
  if (!pipeline->has_video_ && !pipeline->has_audio_ && !pipeline->has_bytes_ &&
      !pipeline->branches_)
    return Error{ErrorCode::kInvalidData,
                 "gst: pipeline: no appsink is named \"video\" or \"audio\""};
  return pipeline;
}

Pipeline::Pipeline(GstElement* element, Events events)
    : events_(std::move(events)),
      element_(element),
      state_(std::make_unique<State>()),
      video_(new Output{events_, {}}),
      audio_(new Output{events_, {}}) {
  connect_named("video", MediaKind::kVideo);
  connect_named("audio", MediaKind::kAudio);
  connect_bytes();
  GstBus* bus = gst_element_get_bus(element_);
  gst_bus_set_sync_handler(bus, on_message, const_cast<Events*>(&events_), nullptr);
  gst_object_unref(bus);
}

Pipeline::~Pipeline() {
  stop();
  state_->wait();
  GstBus* bus = gst_element_get_bus(element_);
  gst_bus_set_sync_handler(bus, nullptr, nullptr, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element_);
}

void Pipeline::connect_named(const char* appsink_name, MediaKind kind) {
  GstElement* appsink = gst_bin_get_by_name(GST_BIN(element_), appsink_name);
  if (appsink && GST_IS_APP_SINK(appsink)) {
    (kind == MediaKind::kVideo ? has_video_ : has_audio_) = true;
    connect(appsink, kind);
  }
  if (appsink) gst_object_unref(appsink);
}

void Pipeline::connect(GstElement* appsink, MediaKind kind) {
  const bool is_video = kind == MediaKind::kVideo;
  GstCaps* caps = gst_caps_from_string(is_video ? kVideoCaps : kAudioCaps);
  gst_app_sink_set_caps(GST_APP_SINK(appsink), caps);
  gst_caps_unref(caps);
  GstAppSinkCallbacks callbacks{};
  callbacks.new_sample = &Output::on_sample;
  gst_app_sink_set_callbacks(GST_APP_SINK(appsink), &callbacks, (is_video ? video_ : audio_).get(),
                             nullptr);
}

void Pipeline::connect_bytes() {
  GstElement* appsink = gst_bin_get_by_name(GST_BIN(element_), "bytes");
  if (appsink && GST_IS_APP_SINK(appsink) && events_.on_bytes) {
    has_bytes_ = true;
    GstAppSinkCallbacks callbacks{};
    callbacks.new_sample = &Output::on_bytes;
    gst_app_sink_set_callbacks(GST_APP_SINK(appsink), &callbacks, const_cast<Events*>(&events_),
                               nullptr);
  }
  if (appsink) gst_object_unref(appsink);
}

void Pipeline::connect_streams(bool is_paced) {
  GstElement* streams = gst_bin_get_by_name(GST_BIN(element_), "streams");
  if (!streams) return;
  StreamBranches::Events events;
  events.on_appsink = [this](MediaKind kind, GstElement* appsink) { connect(appsink, kind); };
  events.on_error = [this](Error error) { events_.on_end(std::move(error)); };
  branches_ = std::make_unique<StreamBranches>(element_, streams, is_paced, std::move(events));
  gst_object_unref(streams);
}

void Pipeline::start() {
  state_->want(element_, true);
}

void Pipeline::stop() {
  state_->want(element_, false);
}

bool Pipeline::is_stopped() const {
  return state_->is_at_rest();
}

bool Pipeline::has_video() const {
  return has_video_ || (branches_ && branches_->has_video());
}

bool Pipeline::has_audio() const {
  return has_audio_ || (branches_ && branches_->has_audio());
}

}  // namespace millrace::ingest
