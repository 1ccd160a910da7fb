#include "JSONText.h"

#include <simdjson.h>

extern "C" bool thuong_is_json(const uint8_t *bytes, size_t length) {
  try {
    simdjson::dom::parser parser;
    return parser.parse(reinterpret_cast<const char *>(bytes), length, true).error() == simdjson::SUCCESS;
  } catch (...) {
    return false;
  }
}
