#include "NativePayload.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

using namespace simdjson;

namespace {

constexpr int depth_max = 32;
constexpr uint8_t status_absent = 255;

struct OwnStatus {
  std::string_view metric;
  uint8_t status;
};

// RFC 8259's grammar of a number.
bool is_number(std::string_view t) {
  while (!t.empty() && (t.back() == ' ' || t.back() == '\n' || t.back() == '\r' || t.back() == '\t')) t.remove_suffix(1);
  size_t i = 0;
  auto digits = [&] {
    size_t from = i;
    while (i < t.size() && t[i] >= '0' && t[i] <= '9') i++;
    return i - from;
  };
  if (i < t.size() && t[i] == '-') i++;
  bool zero = i < t.size() && t[i] == '0';
  size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < t.size() && t[i] == '.') {
    i++;
    if (digits() == 0) return false;
  }
  if (i < t.size() && (t[i] == 'e' || t[i] == 'E')) {
    i++;
    if (i < t.size() && (t[i] == '+' || t[i] == '-')) i++;
    if (digits() == 0) return false;
  }
  return i == t.size();
}

// The double nearest to a number's text, infinite where it is beyond all; false where the text is no number.
bool read_number(ondemand::value value, double &number) {
  // simdjson 3.0.1 misreads 0.… with more than 19 digits, and refuses exponents of many zeros and what is too large: such rare texts
  // are read by the C library.
  std::string_view token = value.raw_json_token();
  if (token.size() <= 19 && !value.get_double().get(number)) return true;
  if (!is_number(token)) return false;
  number = std::strtod(std::string(token).c_str(), nullptr);
  return true;
}

// On-demand parsing checks only what is read, so what we ignore is read too: an ignored key does not make broken JSON acceptable.
bool is_valid(ondemand::value value, int depth) {
  if (depth > depth_max) return false;
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      if (value.get_object().get(object)) return false;
      for (auto field : object) {
        std::string_view key;
        ondemand::value child;
        if (field.unescaped_key().get(key) || field.value().get(child) || !is_valid(child, depth + 1)) return false;
      }
      return true;
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      if (value.get_array().get(array)) return false;
      for (auto element : array) {
        ondemand::value child;
        if (element.get(child) || !is_valid(child, depth + 1)) return false;
      }
      return true;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      return !value.get_string().get(text);
    }
    case ondemand::json_type::number: {
      std::string_view raw = value.raw_json_token();
      return is_number(raw);
    }
    case ondemand::json_type::boolean: {
      bool flag;
      return !value.get_bool().get(flag);
    }
    case ondemand::json_type::null: {
      bool null;
      return !value.is_null().get(null) && null;
    }
  }
  return false;
}

uint8_t status_of(std::string_view text) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return status_absent;
  return uint8_t((text[0] - '0') * 10 + (text[1] - '0'));
}

}  // namespace

struct thuong_native_decoder {
  ondemand::parser parser;
  std::vector<char> padded;
  std::vector<thuong_object> objects;
  std::vector<thuong_value> values;
  std::vector<OwnStatus> own_statuses;

  // Each returns false where the payload as a whole is not JSON.
  bool read_payload(size_t length, int &is_array);
  bool read_object(ondemand::value value);
  bool read_values(ondemand::value value, thuong_object &object);
  bool read_value(ondemand::value value, thuong_value &into);
  bool read_time(ondemand::value value, thuong_object &object);
  bool read_status(ondemand::value value, thuong_object &object, uint8_t &status);
  void settle_statuses(const thuong_object &object, uint8_t status);
};

bool thuong_native_decoder::read_payload(size_t length, int &is_array) {
  ondemand::document document;
  if (parser.iterate(padded.data(), length, padded.size()).get(document)) return false;
  ondemand::json_type type;
  if (document.type().get(type)) return false;
  if (type == ondemand::json_type::object) {
    ondemand::value root;
    if (document.get_value().get(root) || !read_object(root)) return false;
  } else if (type == ondemand::json_type::array) {
    is_array = 1;
    ondemand::array array;
    if (document.get_array().get(array)) return false;
    for (auto element : array) {
      ondemand::value value;
      if (element.get(value)) return false;
      if (!read_object(value)) return false;
    }
  } else {
    return false;
  }
  const char *rest;
  return document.current_location().get(rest) == OUT_OF_BOUNDS;  // nothing may follow the value
}

bool thuong_native_decoder::read_object(ondemand::value value) {
  thuong_object object = {};
  object.first_value = uint32_t(values.size());
  uint8_t status = 0;
  own_statuses.clear();
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  if (type != ondemand::json_type::object) {
    object.malformed = 1;
    objects.push_back(object);
    return is_valid(value, 0);
  }
  ondemand::object fields;
  if (value.get_object().get(fields)) return false;
  bool has_values = false;
  for (auto field : fields) {
    std::string_view key;
    ondemand::value child;
    if (field.unescaped_key().get(key) || field.value().get(child)) return false;
    bool ok = true;
    if (key == "values") {
      has_values = true;
      ok = read_values(child, object);
    } else if (key == "ts") {
      ok = read_time(child, object);
    } else if (key == "status") {
      ok = read_status(child, object, status);
    } else if (key == "device") {
      ondemand::json_type kind;
      if (child.type().get(kind)) return false;
      std::string_view text;
      if (kind != ondemand::json_type::string) {
        object.malformed = 1;
        ok = is_valid(child, 0);
      } else if (child.get_string().get(text)) {
        return false;
      } else {
        object.device = text.data();
        object.device_length = uint32_t(text.size());
      }
    } else {
      ok = is_valid(child, 0);
    }
    if (!ok) return false;
  }
  if (!has_values) object.malformed = 1;
  object.value_count = uint32_t(values.size()) - object.first_value;
  settle_statuses(object, status);
  objects.push_back(object);
  return true;
}

bool thuong_native_decoder::read_values(ondemand::value value, thuong_object &object) {
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  if (type != ondemand::json_type::object) {
    object.malformed = 1;
    return is_valid(value, 0);
  }
  ondemand::object fields;
  if (value.get_object().get(fields)) return false;
  for (auto field : fields) {
    std::string_view key;
    ondemand::value child;
    if (field.unescaped_key().get(key) || field.value().get(child)) return false;
    thuong_value entry = {};
    entry.name = key.data();
    entry.name_length = uint32_t(key.size());
    if (!read_value(child, entry)) return false;
    values.push_back(entry);
  }
  return true;
}

bool thuong_native_decoder::read_value(ondemand::value value, thuong_value &into) {
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  switch (type) {
    case ondemand::json_type::number: {
      if (!read_number(value, into.number)) return false;
      into.kind = std::isfinite(into.number) ? thuong_value_number : thuong_value_not_finite;
      return true;
    }
    case ondemand::json_type::boolean: {
      bool flag;
      if (value.get_bool().get(flag)) return false;
      into.number = flag ? 1 : 0;
      into.kind = thuong_value_number;
      return true;
    }
    case ondemand::json_type::null: {
      bool null;
      into.kind = thuong_value_null;
      return !value.is_null().get(null) && null;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text)) return false;
      into.kind = thuong_value_text;
      into.text = text.data();
      into.text_length = uint32_t(text.size());
      return true;
    }
    default:
      into.kind = thuong_value_malformed;
      return is_valid(value, 0);
  }
}

bool thuong_native_decoder::read_time(ondemand::value value, thuong_object &object) {
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text)) return false;
    object.time_kind = thuong_time_text;
    object.time_text = text.data();
    object.time_text_length = uint32_t(text.size());
    return true;
  }
  if (type == ondemand::json_type::number) {
    double number;
    if (!read_number(value, number)) return false;
    // Milliseconds up to year 9999 are whole numbers that a double holds exactly.
    if (number < 0 || number > 253402300799999.0 || number != std::floor(number)) {
      object.malformed = 1;
    } else {
      object.time_kind = thuong_time_number;
      object.time = int64_t(number);
    }
    return true;
  }
  if (type != ondemand::json_type::null) object.malformed = 1;  // null is as good as absent
  return is_valid(value, 0);
}

bool thuong_native_decoder::read_status(ondemand::value value, thuong_object &object, uint8_t &status) {
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text)) return false;
    status = status_of(text);
    if (status == status_absent) object.malformed = 1;
    return true;
  }
  if (type != ondemand::json_type::object) {
    object.malformed = 1;
    return is_valid(value, 0);
  }
  ondemand::object fields;
  if (value.get_object().get(fields)) return false;
  for (auto field : fields) {
    std::string_view key, text;
    ondemand::value child;
    ondemand::json_type kind;
    if (field.unescaped_key().get(key) || field.value().get(child) || child.type().get(kind)) return false;
    if (kind != ondemand::json_type::string) {
      object.malformed = 1;
      if (!is_valid(child, 0)) return false;
      continue;
    }
    if (child.get_string().get(text)) return false;
    uint8_t own = status_of(text);
    if (own == status_absent) object.malformed = 1;
    own_statuses.push_back({key, own});
  }
  return true;
}

// The last status of a name counts.
void thuong_native_decoder::settle_statuses(const thuong_object &object, uint8_t status) {
  // Many are sorted, so that a payload of thousands of values and statuses takes no square of them; sorting allocates, a few need none.
  bool is_sorted = own_statuses.size() > 32;
  if (is_sorted)
    std::stable_sort(own_statuses.begin(), own_statuses.end(), [](const auto &a, const auto &b) { return a.metric < b.metric; });
  for (uint32_t i = object.first_value; i < object.first_value + object.value_count; i++) {
    std::string_view name(values[i].name, values[i].name_length);
    values[i].status = status;
    auto own = own_statuses.begin(), end = own_statuses.end();
    if (is_sorted)
      own = std::lower_bound(own, end, name, [](const auto &one, std::string_view wanted) { return one.metric < wanted; });
    for (; own != end && (!is_sorted || own->metric == name); own++)
      if (own->metric == name) values[i].status = own->status;
  }
}

extern "C" thuong_native_decoder *thuong_native_decoder_new(void) { return new (std::nothrow) thuong_native_decoder; }

extern "C" void thuong_native_decoder_free(thuong_native_decoder *decoder) { delete decoder; }

extern "C" thuong_payload thuong_native_decode(thuong_native_decoder *decoder, const void *bytes, size_t length) {
  decoder->objects.clear();
  decoder->values.clear();
  if (decoder->padded.size() < length + SIMDJSON_PADDING) decoder->padded.resize(length + SIMDJSON_PADDING + 1024);
  memcpy(decoder->padded.data(), bytes, length);
  memset(decoder->padded.data() + length, ' ', SIMDJSON_PADDING);
  thuong_payload payload = {};
  payload.malformed = length == 0 || !decoder->read_payload(length, payload.is_array);
  payload.objects = decoder->objects.data();
  payload.values = decoder->values.data();
  payload.object_count = decoder->objects.size();
  return payload;
}
