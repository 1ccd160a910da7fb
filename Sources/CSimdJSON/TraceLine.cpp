#include "TraceLine.h"

#include <simdjson.h>

#include <cstring>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

using namespace simdjson;

struct thuong_trace_parser {
  ondemand::parser lines;
  dom::parser values;
  std::vector<uint8_t> bytes;
};

namespace {

// Instants are whole milliseconds of the years 1970 to 9999.
constexpr int64_t at_max = 253402300799999;

enum Key : unsigned {
  key_at = 1, key_topic = 2, key_payload = 4, key_text = 8, key_base64 = 16, key_retain = 32, key_command = 64, key_intake = 128,
};

unsigned key_named(std::string_view name) {
  switch (name.size()) {
  case 2: return name == "at" ? key_at : 0;
  case 4: return name == "text" ? key_text : 0;
  case 5: return name == "topic" ? key_topic : 0;
  case 6: return name == "base64" ? key_base64 : name == "retain" ? key_retain : name == "intake" ? key_intake : 0;
  case 7: return name == "payload" ? key_payload : name == "command" ? key_command : 0;
  default: return 0;
  }
}

void set_payload(thuong_trace_line *out, std::string_view span) {
  out->payload = reinterpret_cast<const uint8_t *>(span.data());
  out->payload_length = span.size();
}

std::string_view trimmed(std::string_view span) {
  while (!span.empty() && (span.back() == ' ' || span.back() == '\t' || span.back() == '\r' || span.back() == '\n')) span.remove_suffix(1);
  return span;
}

// The bytes of a value exactly as they stand. simdjson's spans end where the next token begins, after any space.
error_code raw_span(ondemand::value value, std::string_view &span) {
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return error;
    auto error = object.raw_json().get(span);
    span = trimmed(span);
    return error;
  }
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return error;
    auto error = array.raw_json().get(span);
    span = trimmed(span);
    return error;
  }
  span = trimmed(value.raw_json_token());
  // Read it too, so that a token such as `nul` or `1x` is a fault of the line.
  switch (type) {
  case ondemand::json_type::string: return value.get_raw_json_string().error();
  case ondemand::json_type::number: return value.get_double().error();
  case ondemand::json_type::boolean: return value.get_bool().error();
  default: return value.is_null() ? SUCCESS : N_ATOM_ERROR;
  }
}

int sextet(uint8_t c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Standard base64 with its padding (RFC 4648).
bool decode_base64(std::string_view text, std::vector<uint8_t> &bytes) {
  bytes.clear();
  if (text.size() % 4 != 0) return false;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    int padding = 0;
    uint32_t group = 0;
    for (size_t j = 0; j < 4; j++) {
      const uint8_t c = static_cast<uint8_t>(text[i + j]);
      if (c == '=' && i + 4 == text.size() && j >= 2) {
        padding++;
        group <<= 6;
        continue;
      }
      const int six = sextet(c);
      if (six < 0 || padding > 0) return false;
      group = group << 6 | static_cast<uint32_t>(six);
    }
    bytes.push_back(static_cast<uint8_t>(group >> 16));
    if (padding < 2) bytes.push_back(static_cast<uint8_t>(group >> 8));
    if (padding < 1) bytes.push_back(static_cast<uint8_t>(group));
  }
  return true;
}

int read_field(thuong_trace_parser *parser, unsigned key, ondemand::value value, thuong_trace_line *out) {
  std::string_view span;
  switch (key) {
  case key_at:
    if (value.get_int64().get(out->at) || out->at < 0 || out->at > at_max) return THUONG_TRACE_BAD_AT;
    return THUONG_TRACE_OK;
  case key_topic:
    if (value.get_string().get(span) || span.empty()) return THUONG_TRACE_BAD_TOPIC;
    out->topic = reinterpret_cast<const uint8_t *>(span.data());
    out->topic_length = span.size();
    return THUONG_TRACE_OK;
  case key_payload:
    if (raw_span(value, span)) return THUONG_TRACE_NOT_JSON;
    set_payload(out, span);
    return THUONG_TRACE_OK;
  case key_text:
    if (value.get_string().get(span)) return THUONG_TRACE_BAD_TEXT;
    set_payload(out, span);
    return THUONG_TRACE_OK;
  case key_base64:
    if (value.get_string().get(span) || !decode_base64(span, parser->bytes)) return THUONG_TRACE_BAD_BASE64;
    out->payload = parser->bytes.data();
    out->payload_length = parser->bytes.size();
    return THUONG_TRACE_OK;
  case key_retain:
    return value.get_bool().get(out->retain) ? THUONG_TRACE_BAD_RETAIN : THUONG_TRACE_OK;
  case key_command: {
    ondemand::json_type type;
    if (value.type().get(type) || type != ondemand::json_type::object || raw_span(value, span)) return THUONG_TRACE_BAD_COMMAND;
    set_payload(out, span);
    return THUONG_TRACE_OK;
  }
  default:
    if (value.get_string().get(span) || (span != "up" && span != "down")) return THUONG_TRACE_BAD_INTAKE;
    out->intake_up = span == "up";
    return THUONG_TRACE_OK;
  }
}

// What kind of line these keys make, or why they make none.
int judge(unsigned keys, thuong_trace_line *out) {
  if (!(keys & key_at)) return THUONG_TRACE_NO_AT;
  const unsigned rest = keys & ~static_cast<unsigned>(key_at);
  const unsigned payloads = rest & (key_payload | key_text | key_base64);
  if (rest == 0) {
    out->kind = THUONG_TRACE_CLOCK;
  } else if (rest == key_command) {
    out->kind = THUONG_TRACE_COMMAND;
  } else if (rest == key_intake) {
    out->kind = THUONG_TRACE_INTAKE;
  } else if (rest & (key_command | key_intake) || (payloads & (payloads - 1)) != 0) {
    return THUONG_TRACE_MIXED;
  } else if (!(rest & key_topic)) {
    return THUONG_TRACE_NO_TOPIC;
  } else if (payloads == 0) {
    return THUONG_TRACE_NO_PAYLOAD;
  } else {
    out->kind = THUONG_TRACE_MESSAGE;
  }
  return THUONG_TRACE_OK;
}

int read_line(thuong_trace_parser *parser, const uint8_t *line, size_t length, thuong_trace_line *out) {
  ondemand::document document;
  if (parser->lines.iterate(reinterpret_cast<const char *>(line), length, length + THUONG_TRACE_PADDING).get(document)) {
    return THUONG_TRACE_NOT_JSON;
  }
  ondemand::object object;
  if (document.get_object().get(object)) return THUONG_TRACE_NOT_OBJECT;
  unsigned seen = 0;
  for (auto entry : object) {
    ondemand::field field;
    if (std::move(entry).get(field)) return THUONG_TRACE_NOT_JSON;
    const char *raw = field.key().raw();
    out->fault_offset = static_cast<size_t>(raw - reinterpret_cast<const char *>(line));
    std::string_view name;
    if (field.unescaped_key().get(name)) return THUONG_TRACE_NOT_JSON;
    const unsigned key = key_named(name);
    if (key == 0) return THUONG_TRACE_UNKNOWN_KEY;
    if (seen & key) return THUONG_TRACE_KEY_TWICE;
    seen |= key;
    if (int fault = read_field(parser, key, field.value(), out)) return fault;
  }
  const char *rest = nullptr;
  if (document.current_location().get(rest) != OUT_OF_BOUNDS) return THUONG_TRACE_NOT_JSON;
  return judge(seen, out);
}

bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

extern "C" thuong_trace_parser *thuong_trace_parser_new(void) { return new (std::nothrow) thuong_trace_parser; }

extern "C" void thuong_trace_parser_free(thuong_trace_parser *parser) { delete parser; }

extern "C" int thuong_trace_parse(thuong_trace_parser *parser, const uint8_t *line, size_t length, thuong_trace_line *out) {
  std::memset(out, 0, sizeof *out);
  try {
    return read_line(parser, line, length, out);
  } catch (const std::bad_alloc &) {
    return THUONG_TRACE_NO_MEMORY;
  } catch (...) {
    return THUONG_TRACE_NOT_JSON;
  }
}

extern "C" bool thuong_trace_is_json(thuong_trace_parser *parser, const uint8_t *bytes, size_t length) {
  if (length == 0 || is_space(bytes[0]) || is_space(bytes[length - 1]) || std::memchr(bytes, '\n', length)) return false;
  try {
    return parser->values.parse(reinterpret_cast<const char *>(bytes), length, true).error() == SUCCESS;
  } catch (...) {
    return false;
  }
}
