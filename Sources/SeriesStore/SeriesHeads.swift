package import Readings

/// The readings of every series in memory, each series sorted by ts: three columns of 17 bytes a reading.
///
/// The owner of the columns is not copyable: they are freed once, with it. Until chunks exist a head holds all that the log holds;
/// `bytes` is what the caller bounds.
@safe @usableFromInline package struct SeriesHeads: ~Copyable {
  /// What became of a reading that was offered.
  package enum Outcome: Equatable, Sendable {
    /// It is the newest of its series.
    case appended
    /// It stands before others that came earlier.
    case inserted
    /// The same reading was there already.
    case duplicate
    /// Another reading of that ts was there first, and stands.
    case conflict
  }

  @usableFromInline var heads: UnsafeMutablePointer<Head>
  @usableFromInline var seriesCount: Int
  private var seriesCapacity: Int
  /// Memory of all columns.
  package private(set) var bytes: Int = 0
  /// Readings held.
  package private(set) var readings: Int = 0

  package init() {
    unsafe heads = .allocate(capacity: 64)
    seriesCount = 0
    seriesCapacity = 64
  }

  deinit {
    // Safe: every head below seriesCount was initialised by addSeries, and its columns belong to it alone.
    for i in 0..<seriesCount { unsafe heads[i].free() }
    unsafe heads.deallocate()
  }

  /// Makes room for series up to and with `id`.
  package mutating func addSeries(through id: SeriesID) {
    while seriesCount <= id.int {
      if seriesCount == seriesCapacity {
        let larger = UnsafeMutablePointer<Head>.allocate(capacity: seriesCapacity * 2)
        // Safe: both regions hold at least seriesCount heads; the old one is left uninitialised and freed.
        unsafe larger.moveInitialize(from: heads, count: seriesCount)
        unsafe heads.deallocate()
        unsafe heads = larger
        seriesCapacity *= 2
      }
      // Safe: seriesCount is below the capacity here.
      unsafe (heads + seriesCount).initialize(to: Head())
      seriesCount += 1
    }
  }

  package var count: Int { seriesCount }

  /// Puts a reading where its ts belongs. The first reading of a ts stands.
  package mutating func insert(_ reading: Reading) -> Outcome {
    precondition(reading.series.int < seriesCount, "a reading's series is registered before it is stored")
    // Safe: the index was checked; no other access to the heads is under way (this call is mutating).
    let head = unsafe heads + reading.series.int
    let count = unsafe head.pointee.count
    var place = count
    let ts = reading.ts.milliseconds
    if unsafe count > 0 && head.pointee.times[count - 1] >= ts {
      place = unsafe head.pointee.lowerBound(ts)
      if unsafe head.pointee.times[place] == ts {
        let (value, quality) = unsafe (head.pointee.values[place], Quality(byte: head.pointee.qualities[place]))
        // 0 and -0 are one number; NaN is no value.
        let isSame = value == reading.value || value.isNaN && reading.value.isNaN
        return isSame && quality.code == reading.quality.code ? .duplicate : .conflict
      }
    }
    if unsafe count == head.pointee.capacity { unsafe bytes += head.pointee.grow() }
    unsafe head.pointee.insert(reading, at: place)
    readings += 1
    return place == count ? .appended : .inserted
  }

  /// The first ts at or after `ts` that the series has no reading of.
  package func firstFree(_ id: SeriesID, from ts: Timestamp) -> Timestamp {
    // Safe: the view is used within this call alone; every index stays within 0 ..< count.
    let view = unsafe self.view(id.int)
    let first = unsafe view.upperBound(ts.milliseconds - 1)
    guard unsafe first < view.count, unsafe view.times[first] == ts.milliseconds else { return ts }
    // Times rise by at least 1, so that those in an unbroken run of milliseconds are a prefix: search its end.
    var low = first
    var high = unsafe view.count
    while high - low > 1 {
      let middle = (low + high) >> 1
      if unsafe view.times[middle] == ts.milliseconds + Int64(middle - first) { low = middle } else { high = middle }
    }
    return ts + Int64(low - first + 1)
  }

  /// The series' newest ts, of any status; nil where it has no reading.
  package func newest(_ id: SeriesID) -> Timestamp? {
    // Safe: as above.
    let view = unsafe self.view(id.int)
    return unsafe view.count == 0 ? nil : Timestamp(milliseconds: view.times[view.count - 1])
  }

  /// The readings of the series with that index. The view is valid until the next `insert` or `addSeries`.
  @inlinable package func view(_ index: Int) -> HeadView {
    precondition(index < seriesCount, "a series is registered before it is read")
    // Safe: the index was checked; the columns live until the next mutation, as documented.
    return unsafe HeadView(
      times: heads[index].times, values: heads[index].values, qualities: heads[index].qualities, count: heads[index].count)
  }
}

/// One series' readings in order of ts. Valid until the heads change.
@usableFromInline @unsafe package struct HeadView {
  /// Milliseconds since the epoch, strictly rising.
  @usableFromInline package let times: UnsafePointer<Int64>
  /// NaN where nothing was measured.
  @usableFromInline package let values: UnsafePointer<Double>
  /// `Quality` bytes.
  @usableFromInline package let qualities: UnsafePointer<UInt8>
  @usableFromInline package let count: Int

  @inlinable init(
    times: UnsafeMutablePointer<Int64>, values: UnsafeMutablePointer<Double>, qualities: UnsafeMutablePointer<UInt8>, count: Int
  ) {
    unsafe self.times = UnsafePointer(times)
    unsafe self.values = UnsafePointer(values)
    unsafe self.qualities = UnsafePointer(qualities)
    unsafe self.count = count
  }

  /// The number of readings with ts at or before `t`: the index after the last of them.
  @inlinable package func upperBound(_ t: Int64) -> Int {
    // Safe: the search stays within 0 ..< count.
    if unsafe count == 0 || times[count - 1] <= t { return unsafe count }
    var low = 0
    var high = unsafe count
    while low < high {
      let middle = (low + high) >> 1
      if unsafe times[middle] <= t { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The columns of one series.
@usableFromInline @unsafe struct Head {
  @usableFromInline var times: UnsafeMutablePointer<Int64>
  @usableFromInline var values: UnsafeMutablePointer<Double>
  @usableFromInline var qualities: UnsafeMutablePointer<UInt8>
  @usableFromInline var count = 0
  var capacity = 0
  static let bytesPerReading = 17

  init() {
    // Safe: capacity is 0, so nothing is read or written before grow().
    unsafe times = .allocate(capacity: 0)
    unsafe values = .allocate(capacity: 0)
    unsafe qualities = .allocate(capacity: 0)
  }

  func free() {
    unsafe times.deallocate()
    unsafe values.deallocate()
    unsafe qualities.deallocate()
  }

  /// Room for half as many again (16 at the least). Returns the bytes added.
  mutating func grow() -> Int {
    let larger = unsafe max(16, capacity + capacity / 2)
    let added = unsafe (larger - capacity) * Self.bytesPerReading
    // Safe: each new column holds `larger` elements and takes over the `count` that the old one had.
    unsafe Self.move(&times, count, larger)
    unsafe Self.move(&values, count, larger)
    unsafe Self.move(&qualities, count, larger)
    unsafe capacity = larger
    return added
  }

  private static func move<T>(_ column: inout UnsafeMutablePointer<T>, _ count: Int, _ larger: Int) {
    let new = UnsafeMutablePointer<T>.allocate(capacity: larger)
    unsafe new.moveInitialize(from: column, count: count)
    unsafe column.deallocate()
    unsafe column = new
  }

  /// The first index whose ts is at or after `ts`; `ts` is not after the last.
  func lowerBound(_ ts: Int64) -> Int {
    var low = 0
    var high = unsafe count - 1
    while low < high {
      let middle = (low + high) >> 1
      // Safe: middle is within 0 ..< count.
      if unsafe times[middle] < ts { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func insert(_ reading: Reading, at place: Int) {
    // Safe: count < capacity here; the elements from `place` move up by one.
    let behind = unsafe count - place
    if behind > 0 {
      unsafe (times + place + 1).update(from: times + place, count: behind)
      unsafe (values + place + 1).update(from: values + place, count: behind)
      unsafe (qualities + place + 1).update(from: qualities + place, count: behind)
    }
    unsafe (times + place).initialize(to: reading.ts.milliseconds)
    unsafe (values + place).initialize(to: reading.value)
    unsafe (qualities + place).initialize(to: reading.quality.byte)
    unsafe count += 1
  }
}
