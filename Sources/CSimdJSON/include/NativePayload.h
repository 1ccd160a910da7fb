// Decodes the native payload (one JSON object or an array of them) with simdjson's on-demand parser, behind a C interface that Swift can import.
//
// One decoder belongs to one thread. Everything it returns points into its own buffers and is valid until its next call.
#ifndef THUONG_NATIVE_PAYLOAD_H
#define THUONG_NATIVE_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct thuong_native_decoder thuong_native_decoder;

enum thuong_value_kind {
  thuong_value_number = 0,      // `number` holds it
  thuong_value_null = 1,        // not measured
  thuong_value_text = 2,        // `text` holds it; the profile may map it to a number
  thuong_value_not_finite = 3,  // a number beyond every double
  thuong_value_malformed = 4,   // an object or an array
};

typedef struct {
  const char *name;  // the metric's name, unescaped; not zero-terminated
  const char *text;
  double number;
  uint32_t name_length;
  uint32_t text_length;
  uint8_t kind;
  uint8_t status;  // two digits as a number, the object's unless the metric has its own
} thuong_value;

enum thuong_time_kind { thuong_time_absent = 0, thuong_time_number = 1, thuong_time_text = 2 };

typedef struct {
  const char *time_text;  // an RFC 3339 time, unread
  const char *device;     // NULL where the object names none
  int64_t time;           // milliseconds since the epoch
  uint32_t time_text_length;
  uint32_t device_length;
  uint32_t first_value;
  uint32_t value_count;
  uint8_t time_kind;
  uint8_t malformed;  // this object alone cannot be read
} thuong_object;

typedef struct {
  const thuong_object *objects;
  const thuong_value *values;
  size_t object_count;
  int is_array;
  int malformed;  // the payload as a whole is not JSON, or neither object nor array
} thuong_payload;

thuong_native_decoder *thuong_native_decoder_new(void);
void thuong_native_decoder_free(thuong_native_decoder *decoder);

// Decodes `length` bytes, which need not be padded: they are copied into a padded buffer first.
thuong_payload thuong_native_decode(thuong_native_decoder *decoder, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif
#endif
