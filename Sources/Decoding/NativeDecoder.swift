import CSimdJSON
package import Readings

/// What one payload holds, before the registry is asked. Valid until the decoder's next call.
@safe package struct DecodedPayload: ~Copyable {
  let payload: thuong_payload

  /// The payload is no JSON object or array of them.
  package var isMalformed: Bool { unsafe payload.malformed != 0 }
  package var isArray: Bool { unsafe payload.is_array != 0 }
  package var count: Int { unsafe payload.object_count }

  /// The object at that place of the array.
  package func object(_ i: Int) -> DecodedObject {
    precondition(i < count, "an object's index is below the count")
    // Safe: objects has object_count elements, alive until the decoder's next call.
    return unsafe DecodedObject(object: payload.objects[i], values: payload.values)
  }
}

/// One message object: its time, its status, its values.
@safe package struct DecodedObject {
  package enum Time { case absent, at(Timestamp), malformed }

  let object: thuong_object
  let values: UnsafePointer<thuong_value>?

  /// This object alone cannot be read (a bad `ts` or `status`, no `values`).
  package var isMalformed: Bool { unsafe object.malformed != 0 }
  package var valueCount: Int { unsafe Int(object.value_count) }

  package var time: Time {
    switch unsafe UInt32(object.time_kind) {
    case thuong_time_absent.rawValue: return .absent
    case thuong_time_number.rawValue: return unsafe .at(Timestamp(milliseconds: object.time))
    default:
      // Safe: the text lives in the decoder's buffer until its next call.
      let bytes = unsafe UnsafeRawBufferPointer(start: object.time_text, count: Int(object.time_text_length))
      guard let time = unsafe Timestamp(rfc3339Bytes: bytes.bindMemory(to: UInt8.self)), Timestamp.plausible.contains(time.milliseconds)
      else {
        return .malformed
      }
      return .at(time)
    }
  }

  /// Whether the object names a device, and if so whether it is this one.
  package func names(otherDeviceThan id: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let device = unsafe object.device else { return false }
    // Safe: the name lives in the decoder's buffer until its next call.
    return unsafe !equal(device, Int(object.device_length), id)
  }

  package func value(_ i: Int) -> DecodedValue {
    precondition(i < valueCount, "a value's index is below the count")
    guard let values = unsafe values else { preconditionFailure("an object with values has a place for them") }
    // Safe: first_value + value_count is within the payload's values.
    return unsafe DecodedValue(value: values[Int(object.first_value) + i])
  }
}

/// One entry of `values`, with the status that applies to it.
@safe package struct DecodedValue {
  package enum Content { case number(Double), null, text, notFinite, malformed }

  let value: thuong_value

  package var quality: Quality { unsafe Quality(byte: value.status) }

  package var content: Content {
    switch unsafe UInt32(value.kind) {
    case thuong_value_number.rawValue: unsafe .number(value.number)
    case thuong_value_null.rawValue: .null
    case thuong_value_text.rawValue: .text
    case thuong_value_not_finite.rawValue: .notFinite
    default: .malformed
    }
  }

  /// The string sent as a value: a copy, for the rare metric that maps words to numbers.
  package var text: String {
    // Safe: the text lives in the decoder's buffer until its next call.
    unsafe String(decoding: UnsafeRawBufferPointer(start: value.text, count: Int(value.text_length)), as: UTF8.self)
  }

  package func isNamed(_ name: UnsafeBufferPointer<UInt8>) -> Bool { unsafe equal(value.name, Int(value.name_length), name) }

  package var name: String {
    // Safe: as `text`.
    unsafe String(decoding: UnsafeRawBufferPointer(start: value.name, count: Int(value.name_length)), as: UTF8.self)
  }
}

/// Decodes native payloads. One thread's own.
@safe package struct NativeDecoder: ~Copyable {
  private let decoder: OpaquePointer

  package init() {
    guard let decoder = unsafe thuong_native_decoder_new() else { preconditionFailure("no memory for a payload decoder") }
    unsafe self.decoder = decoder
  }

  deinit { unsafe thuong_native_decoder_free(decoder) }

  package mutating func decode(_ payload: UnsafeRawBufferPointer) -> DecodedPayload {
    // Safe: the shim copies `count` bytes; a nil base has count 0.
    unsafe DecodedPayload(payload: thuong_native_decode(decoder, payload.baseAddress, payload.count))
  }
}

private func equal(_ a: UnsafePointer<CChar>, _ count: Int, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
  guard count == b.count else { return false }
  for i in 0..<count where unsafe UInt8(bitPattern: a[i]) != b[i] { return false }
  return true
}
