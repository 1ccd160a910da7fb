package import Readings

/// Series whose readings are sealed together: one chunk row a span of time, those beyond retention making room for new ones.
///
/// Spans are cut on absolute time (span n is [n · length, (n + 1) · length) from the epoch's midnight in Vietnam on), so that a reading's
/// place is a function of its ts, however late it comes, and a day is in one row.
package struct Ring: Equatable, Sendable {
  /// A row of so many series and samples takes about 85 kB: SQLite's pages cost 2 % of it.
  package static let seriesMax = 144
  static let samplesInSpan: Int64 = 1440
  /// A ring has at least so many spans: one span is what retention is exact to.
  static let spansLeast: Int64 = 16
  /// In milliseconds: some 30,000 years, so that spans can be multiplied.
  private static let farthest: Int64 = 1 << 50
  /// In UTC+7, which has no summer time.
  private static let midnight: Milliseconds = -7 * 3_600_000
  private static let quarterHour: Milliseconds = 900_000

  package let id: Int64
  /// Milliseconds of a span.
  package let length: Milliseconds
  package internal(set) var series: [SeriesID]
  /// What stands in log rows up to this one is sealed.
  package var sealedThrough: Int64
  /// Of its chunk rows.
  package internal(set) var bytes: Int64
  /// What is older was let go of: there is no place for it any more.
  package internal(set) var keptFrom: Int64
  /// The first log row with readings that are not; nil where all are.
  package internal(set) var pinnedRow: Int64?
  /// The spans in which there are readings that are not sealed.
  package private(set) var dirty = Set<Int64>(minimumCapacity: 8)
  /// The span that was noted last, in milliseconds: most readings fall there.
  private var recent: Range<Int64> = 0..<0

  package init(id: Int64, length: Milliseconds, sealedThrough: Int64 = 0, bytes: Int64 = 0, keptFrom: Int64 = .min) {
    (self.id, self.length, self.series, self.sealedThrough) = (id, length, [], sealedThrough)
    (self.bytes, self.keptFrom) = (bytes, keptFrom)
  }

  /// How long the spans of series that report so often are: 1,440 readings, but a sixteenth of retention at most.
  package static func length(interval: Milliseconds, retention: Milliseconds) -> Milliseconds {
    let wanted = min(interval * samplesInSpan, retention / spansLeast)
    return max(quarterHour, wanted / quarterHour * quarterHour)
  }

  package func span(of ts: Int64) -> Int64 {
    // No reading stands so far away; whoever asks for all of them may.
    let ts = min(max(ts, -Self.farthest), Self.farthest)
    let since = ts - Self.midnight
    let quotient = since / length
    return since < 0 && quotient * length != since ? quotient - 1 : quotient
  }

  package func range(of span: Int64) -> Range<Int64> { (span * length + Self.midnight)..<((span + 1) * length + Self.midnight) }

  /// The beginning of the span that `ts` is in.
  package func start(of ts: Int64) -> Int64 { range(of: span(of: ts)).lowerBound }

  var isDirty: Bool { !dirty.isEmpty }

  @inline(__always) mutating func note(_ ts: Int64) { if !recent.contains(ts) { noteSpan(of: ts) } }

  private mutating func noteSpan(of ts: Int64) {
    dirty.insert(span(of: ts))
    recent = range(of: span(of: ts))
  }

  /// The oldest spans that have readings that are not sealed, in order.
  func dirty(atMost limit: Int) -> [Int64] { Array(dirty.sorted().prefix(limit)) }

  /// Of these spans everything is sealed; the log still holds it, while there are others.
  mutating func sealed(spans: [Int64]) {
    dirty.subtract(spans)
    recent = 0..<0
  }

  /// Everything up to that log row is sealed.
  mutating func sealed(through row: Int64) {
    dirty.removeAll(keepingCapacity: true)
    (recent, pinnedRow, sealedThrough) = (0..<0, nil, row)
  }
}

/// The rings of a store, and which series is in which.
package struct Rings: Equatable, Sendable {
  package private(set) var all: [Ring] = []
  /// By series.
  private var places: [UInt32] = []
  /// By series: the first and the last span of which a chunk row had a reading of it. Between them there may be others without one.
  private var sealedSpans: [ClosedRange<Int64>?] = []

  package init() {}

  package mutating func append(_ ring: Ring) { all.append(ring) }

  package mutating func add(_ series: SeriesID, toRingAt place: Int, sealed spans: ClosedRange<Int64>?) {
    precondition(series.int == places.count, "series come in the order of their numbers")
    places.append(UInt32(place))
    sealedSpans.append(spans)
    all[place].series.append(series)
  }

  package func sealedSpans(of series: SeriesID) -> ClosedRange<Int64>? { sealedSpans[series.int] }

  /// What becomes of those of a series when a row of that span has it; nil where nothing does.
  package func sealedSpans(of series: SeriesID, with span: Int64) -> ClosedRange<Int64>? {
    guard let known = sealedSpans[series.int] else { return span...span }
    return known.contains(span) ? nil : min(known.lowerBound, span)...max(known.upperBound, span)
  }

  package mutating func setSealedSpans(of series: SeriesID, _ spans: ClosedRange<Int64>) { sealedSpans[series.int] = spans }

  package func has(_ series: SeriesID) -> Bool { series.int < places.count }
  package func place(of series: SeriesID) -> Int { Int(places[series.int]) }
  package subscript(of series: SeriesID) -> Ring { all[place(of: series)] }

  /// A reading was stored that is not sealed.
  @inline(__always) package mutating func note(_ series: SeriesID, ts: Int64) { all[Int(places[series.int])].note(ts) }

  /// What was noted since the last call stands in that log row.
  package mutating func committed(row: Int64) {
    for place in all.indices where all[place].isDirty && all[place].pinnedRow == nil { all[place].pinnedRow = row }
  }

  /// The same while the log is read: a reading of that row is not sealed.
  package mutating func note(_ series: SeriesID, ts: Int64, row: Int64) {
    let place = place(of: series)
    all[place].note(ts)
    if all[place].pinnedRow == nil { all[place].pinnedRow = row }
  }

  package mutating func sealed(_ place: Int, through row: Int64) { all[place].sealed(through: row) }
  package mutating func sealed(_ place: Int, spans: [Int64]) { all[place].sealed(spans: spans) }

  /// These by their rings: of each the places in the list.
  package func grouped(_ series: [SeriesID]) -> [(ring: Ring, places: [Int])] {
    let byRing = Dictionary(grouping: series.indices) { place(of: series[$0]) }
    return byRing.keys.sorted().map { (all[$0], byRing[$0] ?? []) }
  }

  package mutating func setBytes(_ place: Int, _ bytes: Int64) { all[place].bytes = bytes }

  /// Chunk rows were written.
  package mutating func grew(_ place: Int, by bytes: Int64) { all[place].bytes += bytes }

  /// Chunk rows of so many bytes were let go of: all that begin before `t`.
  package mutating func expired(_ place: Int, before t: Int64, freed bytes: Int64) {
    all[place].bytes -= bytes
    all[place].keptFrom = max(all[place].keptFrom, t)
  }

  /// The ring that holds the oldest row of the log; nil where none holds any.
  package var pinning: Int? {
    all.indices.filter { all[$0].pinnedRow != nil }.min { (all[$0].pinnedRow ?? .max) < (all[$1].pinnedRow ?? .max) }
  }

  /// The oldest row of the log that is needed.
  package var pinnedRow: Int64? { all.lazy.compactMap(\.pinnedRow).min() }
}
