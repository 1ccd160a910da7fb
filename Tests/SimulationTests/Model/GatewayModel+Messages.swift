/// From a message to its readings.
extension GatewayModel {
  private static let sizeMax = 256 << 10
  private static let aheadMax: Int64 = 5 * 60_000

  /// What one value of an object is.
  private enum Understood {
    /// Nothing was measured, and nothing is wrong: not counted.
    case nothing
    case rejected(String)
    case reading(metric: Int, value: Double?, status: String)
  }

  /// The order of the reasons, where several hold, is the engine's: the contract names none.
  mutating func message(_ topic: String, _ payload: [UInt8], retain: Bool, packet: UInt16) {
    counters.messagesReceived += 1
    if payload.count > Self.sizeMax { return reject("too_large") }
    let levels = topic.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    guard levels.count == 6, levels[0] == "thuong", levels[1] == "v1", ["telemetry", "status"].contains(levels[5]) else {
      return reject("wrong_topic")
    }
    guard let device = ModelTown.devices.firstIndex(where: { $0.id == levels[4] }) else { return reject("unknown_device") }
    guard ModelTown.devices[device].site == levels[2], ModelTown.devices[device].domain == levels[3] else { return reject("wrong_topic") }
    if levels[5] == "status" {
      if !["online", "offline"].contains(String(decoding: payload, as: UTF8.self)) { return reject("malformed") }
      counters.messagesAccepted += 1
      return
    }
    if retain { return reject("retained") }
    telemetry(device, topic, payload, packet: packet)
  }

  private mutating func telemetry(_ device: Int, _ topic: String, _ bytes: [UInt8], packet: UInt16) {
    let id = ModelTown.devices[device].id
    guard let payload = ModelPayload(bytes) else { return reject("malformed") }
    if !payload.isArray, let object = payload.objects.first {
      if object.isMalformed { return reject("malformed") }
      if object.device ?? id != id { return reject("wrong_topic") }
    }
    counters.messagesAccepted += 1
    let offset = hear(payload, device)
    let isKnown = isRedelivered(payload, topic, bytes, packet: packet, isMoved: offset != 0)
    for object in payload.objects {
      if object.isMalformed {
        rejectReading("malformed")
      } else if !isGood(object, ModelTown.devices[device]) {
        rejectReading("wrong_topic")
      } else {
        take(object, device, offset: offset, isKnown: isKnown)
      }
    }
  }

  /// How far the message is moved back: by one offset, so that its newest reading has the arrival time.
  private mutating func hear(_ payload: ModelPayload, _ device: Int) -> Int64 {
    let good = payload.objects.filter { isGood($0, ModelTown.devices[device]) }
    // Which time of a message counts for the doubt is left open; as the engine: the newest of its good objects, with readings or without.
    guard let newest = good.compactMap(\.ts).max() else { return 0 }
    doubt.hears(ModelTown.devices[device].id, ts: newest, clock: now)
    let measured = good.filter { hasReading($0, ModelTown.devices[device]) }
    guard let newestReading = measured.compactMap(\.ts).max() else { return 0 }
    return newestReading - now > Self.aheadMax && !isDoubtful ? newestReading - now : 0
  }

  private func isGood(_ object: ModelObject, _ device: ModelDevice) -> Bool {
    !object.isMalformed && object.device ?? device.id == device.id
  }

  private func hasReading(_ object: ModelObject, _ device: ModelDevice) -> Bool {
    object.values.contains { if case .reading = understand($0, device) { true } else { false } }
  }

  /// A message without a time of its own (or whose time was moved) is the same message when its bytes come again on a later connection in
  /// a packet of the same id. It may come again on every connection, once for each time that it was sent.
  private mutating func isRedelivered(_ payload: ModelPayload, _ topic: String, _ bytes: [UInt8], packet: UInt16, isMoved: Bool) -> Bool {
    if packet == 0 { return false }
    let known = remembered.firstIndex { old in
      old.connection < connection && old.packet == packet && old.topic == topic && old.payload == bytes
    }
    if let known {
      remembered[known].connection = connection
      return true
    }
    if isMoved || payload.objects.contains(where: \.isTimeless) {
      remembered.append(Remembered(topic: topic, payload: bytes, packet: packet, connection: connection))
    }
    return false
  }

  private mutating func take(_ object: ModelObject, _ device: Int, offset: Int64, isKnown: Bool) {
    let ts = object.ts.map { $0 - offset } ?? arrival(object, device)
    var fresh: Set<String> = []
    for value in object.values {
      switch understand(value, ModelTown.devices[device]) {
      case .nothing: break
      case .rejected(let reason): rejectReading(reason)
      case .reading(let metric, let number, let status):
        let name = ModelTown.devices[device].metrics[metric].name
        let reading = ModelReading(
          device: ModelTown.devices[device].id, metric: name, ts: ts, value: number, status: status, moved: offset != 0)
        if take(reading, device, metric, isKnown: isKnown) { fresh.insert(name) }
      }
    }
    if !fresh.isEmpty { evaluateRules(device, reading: fresh, at: ts) }
  }

  /// The arrival time, plus 1 ms while that is taken: by a reading of any series that the object names. (Also of one of which it brings no
  /// reading: the contract leaves that open, and so does the engine.)
  private func arrival(_ object: ModelObject, _ device: Int) -> Int64 {
    let named = object.values.compactMap { ModelTown.devices[device].metric($0.metric) }
    var ts = now
    while named.contains(where: { metric in series[device][metric].contains { $0.ts == ts } }) { ts += 1 }
    return ts
  }

  private func understand(_ value: ModelObject.Value, _ device: ModelDevice) -> Understood {
    if case .null = value.content, value.status == "00" { return .nothing }
    guard let metric = device.metric(value.metric) else { return .rejected("unknown_metric") }
    let number: Double
    switch value.content {
    case .null: return .reading(metric: metric, value: nil, status: value.status)
    case .malformed: return .rejected("malformed")
    case .notFinite: return .rejected("not_finite")
    case .word(let word):
      guard let meant = device.metrics[metric].words[word] else { return .rejected("malformed") }
      number = meant
    case .number(let n): number = n
    }
    let isInside = device.metrics[metric].range?.contains(number) ?? true
    return .reading(metric: metric, value: number, status: isInside ? value.status : "range")
  }

  /// True where it is stored and its series' newest good one.
  private mutating func take(_ reading: ModelReading, _ device: Int, _ metric: Int, isKnown: Bool) -> Bool {
    if !isKnown, now - reading.ts > rawRetention, !isDoubtful {
      rejectReading("too_old")
      return false
    }
    let first = series[device][metric].first { $0.ts == reading.ts }
    if isKnown || first.map({ isSame($0, reading) }) ?? false {
      counters.readingsReceived += 1
      counters.readingsDuplicate += 1
      return false
    }
    if first != nil {
      rejectReading("conflict")
      return false
    }
    counters.readingsReceived += 1
    counters.readingsStored += 1
    return store(reading, device, metric)
  }

  private func isSame(_ a: ModelReading, _ b: ModelReading) -> Bool { a.value == b.value && a.status == b.status }

  private mutating func reject(_ reason: String) { counters.messagesRejected[reason, default: 0] += 1 }

  private mutating func rejectReading(_ reason: String) {
    counters.readingsReceived += 1
    counters.readingsRejected[reason, default: 0] += 1
  }
}
