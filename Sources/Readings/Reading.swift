/// A series' number in the store: dense from 0, given at the series' first registration, never used again for another.
@usableFromInline package struct SeriesID: Hashable, Comparable, Sendable {
  @usableFromInline package var index: UInt32
  @inlinable package init(_ index: UInt32) { self.index = index }
  @inlinable package init(_ index: Int) { self.index = UInt32(index) }
  @inlinable package var int: Int { Int(index) }
  @inlinable package static func < (a: SeriesID, b: SeriesID) -> Bool { a.index < b.index }
}

/// One measured value of a series. `value` is NaN where nothing was measured (then the status says why); never infinite.
@usableFromInline package struct Reading: Sendable {
  @usableFromInline package var series: SeriesID
  @usableFromInline package var ts: Timestamp
  @usableFromInline package var value: Double
  @usableFromInline package var quality: Quality

  @inlinable package init(series: SeriesID, ts: Timestamp, value: Double, quality: Quality) {
    (self.series, self.ts, self.value, self.quality) = (series, ts, value, quality)
  }

  @inlinable package var hasValue: Bool { !value.isNaN }
}

/// Why an input, or a part of one, did not become a reading. The names are those of the counters and the API.
package enum RejectReason: UInt8, CaseIterable, Sendable {
  case malformed, tooLarge, unknownDevice, wrongTopic, unknownMetric, notFinite, conflict, tooOld, retained
  /// It crashed the process: kept in quarantine.
  case crash

  package var name: String {
    switch self {
    case .malformed: "malformed"
    case .tooLarge: "too_large"
    case .unknownDevice: "unknown_device"
    case .wrongTopic: "wrong_topic"
    case .unknownMetric: "unknown_metric"
    case .notFinite: "not_finite"
    case .conflict: "conflict"
    case .tooOld: "too_old"
    case .retained: "retained"
    case .crash: "crash"
    }
  }
}
