// One line of a trace, found in place: no byte is copied except where JSON escapes or base64 force it.
#ifndef THUONG_TRACE_LINE_H
#define THUONG_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct thuong_trace_parser thuong_trace_parser;

// Bytes that must be readable after a line: simdjson reads ahead. The first is a line feed, which ends a line that is cut short; the
// others do not matter.
enum { THUONG_TRACE_PADDING = 64 };

enum {
  THUONG_TRACE_MESSAGE = 0,
  THUONG_TRACE_COMMAND = 1,
  THUONG_TRACE_INTAKE = 2,
  THUONG_TRACE_CLOCK = 3,
};

// Why a line is none; 0 is a good line.
enum {
  THUONG_TRACE_OK = 0,
  THUONG_TRACE_NOT_JSON = 1,
  THUONG_TRACE_NOT_OBJECT = 2,
  THUONG_TRACE_NO_AT = 3,
  THUONG_TRACE_BAD_AT = 4,
  THUONG_TRACE_UNKNOWN_KEY = 5,
  THUONG_TRACE_KEY_TWICE = 6,
  THUONG_TRACE_BAD_TOPIC = 7,
  THUONG_TRACE_BAD_TEXT = 8,
  THUONG_TRACE_BAD_BASE64 = 9,
  THUONG_TRACE_BAD_RETAIN = 10,
  THUONG_TRACE_BAD_COMMAND = 11,
  THUONG_TRACE_BAD_INTAKE = 12,
  THUONG_TRACE_MIXED = 13,
  THUONG_TRACE_NO_PAYLOAD = 14,
  THUONG_TRACE_NO_TOPIC = 15,
  THUONG_TRACE_NO_MEMORY = 16,
};

typedef struct {
  int kind;
  int64_t at;
  // Valid until the next call with the same parser, and while the line's own bytes stand.
  const uint8_t *_Nullable topic;
  size_t topic_length;
  // The payload as it would come from the broker, or the command's JSON.
  const uint8_t *_Nullable payload;
  size_t payload_length;
  bool retain;
  bool intake_up;
  // Where a fault lies in the line, from 0; 0 where it is not known better.
  size_t fault_offset;
} thuong_trace_line;

thuong_trace_parser *_Nullable thuong_trace_parser_new(void);
void thuong_trace_parser_free(thuong_trace_parser *_Nullable parser);

// Reads one line of `length` bytes, after which a line feed stands and THUONG_TRACE_PADDING bytes in all can be read. Safe for any bytes.
int thuong_trace_parse(thuong_trace_parser *_Nonnull parser, const uint8_t *_Nonnull line, size_t length, thuong_trace_line *_Nonnull out);

// Whether these bytes can stand in a line as `payload` and come out the same: one whole JSON value without a line feed and without
// space before or after it.
bool thuong_trace_is_json(thuong_trace_parser *_Nonnull parser, const uint8_t *_Nonnull bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
