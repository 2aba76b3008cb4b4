#include "net/rtmp/amf0.h"

#include <bit>

#include "net/rtmp/big_endian.h"

namespace millrace::net::rtmp {
namespace {

// Real commands nest three deep and metadata has some thirty values. A value in memory is 50 times
// its smallest form on the wire, hence the limit on their number.
constexpr int kMaxDepth = 16;
constexpr int kMaxValues = 4096;

// AMF0 2.1, type markers.
enum Marker : std::uint8_t {
  kNumber = 0x00,
  kBoolean = 0x01,
  kString = 0x02,
  kObject = 0x03,
  kNull = 0x05,
  kUndefined = 0x06,
  kReference = 0x07,
  kEcmaArray = 0x08,
  kObjectEnd = 0x09,
  kStrictArray = 0x0A,
  kDate = 0x0B,
  kLongString = 0x0C,
  kUnsupportedValue = 0x0D,
  kXmlDocument = 0x0F,
  kTypedObject = 0x10,
  kAvmPlus = 0x11,
};

Error invalid(const char* what) {
  return Error{ErrorCode::kInvalidData, std::string("amf0: ") + what};
}

void append_name(std::vector<std::uint8_t>& out, std::string_view name) {
  name = name.substr(0, 0xFFFF);
  append_big_endian(out, name.size(), 2);
  out.insert(out.end(), name.begin(), name.end());
}

}  // namespace

AmfValue::AmfValue() = default;
AmfValue::AmfValue(AmfNull null) : content(null) {}
AmfValue::AmfValue(double number) : content(number) {}
AmfValue::AmfValue(bool boolean) : content(boolean) {}
AmfValue::AmfValue(std::string text) : content(std::move(text)) {}
AmfValue::AmfValue(const char* text) : content(std::string(text)) {}
AmfValue::AmfValue(AmfObject object) : content(std::move(object)) {}

std::optional<double> AmfValue::number() const {
  if (const auto* value = std::get_if<double>(&content)) return *value;
  return std::nullopt;
}

const AmfValue* AmfValue::find(std::string_view name) const {
  const auto* properties = object();
  if (properties == nullptr) return nullptr;
  for (const auto& property : *properties)
    if (property.name == name) return &property.value;
  return nullptr;
}

bool operator==(const AmfValue& a, const AmfValue& b) {
  return a.content == b.content;
}
bool operator==(const AmfProperty& a, const AmfProperty& b) {
  return a.name == b.name && a.value == b.value;
}

Status Amf0Reader::require(std::size_t count) const {
  if (bytes_.size() - position_ < count) return invalid("a value ends early");
  return ok();
}

Result<AmfValue> Amf0Reader::read() {
  AmfValue value;
  RETURN_IF_ERROR(read_value(0, value));
  return value;
}

Result<std::string> Amf0Reader::read_text(int length_bytes) {
  RETURN_IF_ERROR(require(static_cast<std::size_t>(length_bytes)));
  const auto* at = bytes_.data() + position_;
  const std::size_t length = length_bytes == 2 ? read_u16(at) : read_u32(at);
  position_ += static_cast<std::size_t>(length_bytes);
  RETURN_IF_ERROR(require(length));
  std::string text(reinterpret_cast<const char*>(bytes_.data() + position_), length);
  position_ += length;
  return text;
}

Result<double> Amf0Reader::read_number() {
  RETURN_IF_ERROR(require(8));
  const auto* at = bytes_.data() + position_;
  position_ += 8;
  return std::bit_cast<double>(static_cast<std::uint64_t>(read_u32(at)) << 32 | read_u32(at + 4));
}

Status Amf0Reader::read_properties(int depth, AmfValue& value) {
  auto& object = value.content.emplace<AmfObject>();
  for (;;) {
    ASSIGN_OR_RETURN(std::string name, read_text(2));
    RETURN_IF_ERROR(require(1));
    // 2.5: an object ends with an empty name and the object-end marker.
    if (name.empty() && bytes_[position_] == kObjectEnd) {
      ++position_;
      return ok();
    }
    object.emplace_back().name = std::move(name);
    RETURN_IF_ERROR(read_value(depth + 1, object.back().value));
  }
}

Status Amf0Reader::read_items(int depth, AmfValue& value) {
  RETURN_IF_ERROR(require(4));
  const std::uint32_t count = read_u32(bytes_.data() + position_);
  position_ += 4;
  auto& items = value.content.emplace<AmfObject>();
  for (std::uint32_t i = 0; i < count; ++i)
    RETURN_IF_ERROR(read_value(depth + 1, items.emplace_back().value));
  return ok();
}

Status Amf0Reader::read_value(int depth, AmfValue& value) {
  if (depth > kMaxDepth) return Error{ErrorCode::kLimitExceeded, "amf0: values nested too deep"};
  if (++values_ > kMaxValues) return Error{ErrorCode::kLimitExceeded, "amf0: too many values"};
  RETURN_IF_ERROR(require(1));
  switch (const auto marker = bytes_[position_++]; marker) {
    case kNumber: {
      ASSIGN_OR_RETURN(value.content, read_number());
      return ok();
    }
    case kBoolean:
      RETURN_IF_ERROR(require(1));
      value.content = bytes_[position_++] != 0;
      return ok();
    case kString:
    case kLongString:
    case kXmlDocument: {
      ASSIGN_OR_RETURN(value.content, read_text(marker == kString ? 2 : 4));
      return ok();
    }
    case kNull:
      value.content = AmfNull{};
      return ok();
    case kUndefined:
    case kUnsupportedValue:
      value.content = AmfUndefined{};
      return ok();
    case kEcmaArray:
      // 2.10: the count is a hint only; the array ends like an object.
      RETURN_IF_ERROR(require(4));
      position_ += 4;
      return read_properties(depth, value);
    case kObject:
      return read_properties(depth, value);
    case kTypedObject: {
      ASSIGN_OR_RETURN(const std::string class_name, read_text(2));
      return read_properties(depth, value);
    }
    case kStrictArray:
      return read_items(depth, value);
    case kDate: {
      ASSIGN_OR_RETURN(value.content, read_number());
      RETURN_IF_ERROR(require(2));  // 2.13: the time zone is reserved.
      position_ += 2;
      return ok();
    }
    case kReference:
      return Error{ErrorCode::kUnsupported, "amf0: a reference"};
    case kAvmPlus:
      return Error{ErrorCode::kUnsupported, "amf0: an AMF3 value"};
    default:
      return invalid("an unknown type marker");
  }
}

void append_amf0(std::vector<std::uint8_t>& out, const AmfValue& value) {
  if (const auto* number = std::get_if<double>(&value.content)) {
    out.push_back(kNumber);
    append_big_endian(out, std::bit_cast<std::uint64_t>(*number), 8);
  } else if (const auto* boolean = std::get_if<bool>(&value.content)) {
    out.push_back(kBoolean);
    out.push_back(*boolean ? 1 : 0);
  } else if (const auto* text = value.string()) {
    if (text->size() <= 0xFFFF) {
      out.push_back(kString);
      append_name(out, *text);
    } else {
      out.push_back(kLongString);
      append_big_endian(out, text->size(), 4);
      out.insert(out.end(), text->begin(), text->end());
    }
  } else if (const auto* object = value.object()) {
    out.push_back(kObject);
    for (const auto& property : *object) {
      append_name(out, property.name);
      append_amf0(out, property.value);
    }
    append_name(out, "");
    out.push_back(kObjectEnd);
  } else {
    out.push_back(std::holds_alternative<AmfNull>(value.content) ? kNull : kUndefined);
  }
}

}  // namespace millrace::net::rtmp
