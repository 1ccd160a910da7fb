import Database
package import Readings

/// Which series are sealed together: those of a device in one ring, with others that report as often, in the order of registration.
package struct RingPlan {
  package private(set) var rings = Rings()
  /// In the order of their numbers, each with its ring.
  package private(set) var series: [StoredSeries]
  /// Rings that are new.
  package private(set) var added: [Ring] = []
  /// Series that had no ring.
  package private(set) var moved: Set<SeriesID> = []

  /// A reading that is not sealed.
  package mutating func note(_ reading: Reading) { rings.note(reading.series, ts: reading.ts.milliseconds) }

  package var isChanged: Bool { !added.isEmpty || !moved.isEmpty }

  /// - Parameter length: of the spans of a device's series, in milliseconds.
  /// - Throws: `StoreError.damaged` where what is stored does not fit together.
  package init(rings stored: [Ring], series: [StoredSeries], length: (String) -> Milliseconds) throws {
    self.series = series
    for (place, one) in series.enumerated() where one.id.int != place { throw StoreError.damaged("series \(place) is missing") }
    var all = stored
    var counts: [Int64: Int] = [:]
    for one in series { if let ring = one.ring { counts[ring, default: 0] += 1 } }
    var members: [String: Int] = [:]
    for one in series where one.ring == nil { members[one.device, default: 0] += 1 }
    var ofDevice: [String: Int64] = [:]
    for place in series.indices where series[place].ring == nil {
      let device = series[place].device
      if ofDevice[device] == nil {
        let length = length(device)
        if let room = all.last(where: { $0.length == length }), counts[room.id, default: 0] + members[device, default: 0] <= Ring.seriesMax
        {
          ofDevice[device] = room.id
        } else {
          let new = Ring(id: (all.last?.id ?? -1) + 1, length: length)
          all.append(new)
          added.append(new)
          ofDevice[device] = new.id
        }
      }
      let ring = ofDevice[device] ?? 0
      counts[ring, default: 0] += 1
      self.series[place].ring = ring
      moved.insert(series[place].id)
    }
    for ring in all { rings.append(ring) }
    let places = Dictionary(all.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { a, _ in a })
    for one in self.series {
      guard let place = one.ring.flatMap({ places[$0] }) else { throw StoreError.damaged("the ring of series \(one.id.index) is missing") }
      rings.add(one.id, toRingAt: place, sealed: one.spans)
    }
  }
}
