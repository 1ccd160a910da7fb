import Decoding
import DeviceRegistry
package import Readings
import RuleEngine
import SeriesStore

/// A message as it arrived. The bytes are the caller's, valid during the call.
package struct MessageInput {
  package var topic: UnsafeRawBufferPointer
  package var payload: UnsafeRawBufferPointer
  package var retain: Bool
  /// The broker's packet id, 0 where there is none (a trace).
  package var packet: UInt16

  package init(topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, retain: Bool = false, packet: UInt16 = 0) {
    (self.topic, self.payload, self.retain, self.packet) = (topic, payload, retain, packet)
  }
}

extension Engine {
  /// A `ts` further ahead of the clock than this is moved back.
  private static let aheadMax: Milliseconds = 300_000

  /// Takes a message that arrived at `at`. Whatever it holds, it is counted, and may be acknowledged once the batch is committed.
  package func message(_ message: MessageInput, at: Timestamp) {
    advance(to: at)
    batch.input(.message, at: now)
    var isRecorded = true
    defer { if let recording { record(message, isRecorded, recording) } }
    log.continuity.heard(at: now)
    settings.beforeStep?(message.payload)
    counters.messagesReceived += 1
    guard message.payload.count <= settings.messageSizeMax else {
      return reject(message, .tooLarge, device: nil, "\(message.payload.count) bytes, at most \(settings.messageSizeMax)")
    }
    switch topics.match(message.topic) {
    case .reject(let reason): reject(message, reason, device: nil, "")
    case .unknown(let device): rejectUnknown(message, device)
    case .status(let device): status(message, device)
    case .telemetry(let device): isRecorded = !telemetry(message, device)
    }
  }

  /// Of a message that came before there is nothing but its instant in a trace: its packet id, by which it is known, has no place there.
  private func record(_ message: MessageInput, _ isNew: Bool, _ recording: InputRecording) {
    guard isNew else { return recording.clock(at: now) }
    recording.message(topic: message.topic, payload: message.payload, retain: message.retain, at: now)
  }

  /// Takes a message that crashed the process when it was stepped: it is counted and kept, and looked at no further.
  package func quarantine(_ message: MessageInput, at: Timestamp) {
    advance(to: at)
    batch.input(.message, at: now)
    counters.messagesReceived += 1
    counters.messagesRejected[Int(RejectReason.crash.rawValue)] += 1
    recording?.clock(at: now)
    let topic = String(decoding: message.topic.prefix(512), as: UTF8.self)
    changes.quarantined.append(QuarantinedMessage(at: now, topic: topic, payload: Array(message.payload)))
    gap(cause: "quarantined", from: now, to: now, count: 1, detail: "a message crashed the process: \(topic)")
  }

  /// A row of the log crashed the process when it was read: what it held came between these instants.
  func tellOfQuarantined(row: Int64, from: Timestamp, to: Timestamp) {
    changes.toldRows.append((row, to))
    gap(cause: "quarantined", from: from, to: to, detail: "log row \(row) crashed the process when it was read")
  }

  private func status(_ message: MessageInput, _ device: Int) {
    guard message.payload.elementsEqual("online".utf8) || message.payload.elementsEqual("offline".utf8) else {
      return reject(message, .malformed, device: device, "a status is online or offline")
    }
    counters.messagesAccepted += 1
    setOnline(device, message.payload.elementsEqual("online".utf8), at: now)
  }

  private func setOnline(_ device: Int, _ isOnline: Bool, at t: Timestamp) {
    evaluator.setOnline(device: device, at: t, isOnline: isOnline)
    changes.online[device] = OnlineState(isOnline: isOnline, at: t)
  }

  /// - Returns: whether it has come before, and is known by its packet id and content.
  private func telemetry(_ message: MessageInput, _ device: Int) -> Bool {
    evaluator.expect(device: device, heads: heads)
    let payload = decoder.decode(message.payload)
    evaluator.expectReadings(device: device, heads: heads)
    if let (reason, detail) = whyRejected(message, payload, device) {
      reject(message, reason, device: device, detail)
      return false
    }
    counters.messagesAccepted += 1
    let offset = timeOffset(payload, device)
    let redelivered = isRedelivery(message, payload, moved: offset != 0)
    for i in 0..<payload.count { ingest(payload.object(i), message, device, offset: offset, redelivered: redelivered) }
    return redelivered
  }

  /// Why nothing of a message can be read; nil where something may be.
  private func whyRejected(_ message: MessageInput, _ payload: borrowing DecodedPayload, _ device: Int) -> (RejectReason, String)? {
    if message.retain { return (.retained, "") }
    if payload.isMalformed { return (.malformed, "not a JSON object or an array of objects") }
    if payload.isArray { return nil }
    if isMalformed(payload.object(0)) { return (.malformed, "needs \"values\", and \"ts\" and \"status\" as documented") }
    if payload.object(0).names(otherDeviceThan: devices.id(device)) { return (.wrongTopic, "\"device\" names another") }
    return nil
  }

  private func isMalformed(_ object: DecodedObject) -> Bool {
    if object.isMalformed { return true }
    if case .malformed = object.time { return true }
    return false
  }

  /// A message whose time is its arrival's (it has no ts, or one that was moved) is remembered by packet id and content, and known when it comes again.
  private func isRedelivery(_ message: MessageInput, _ payload: borrowing DecodedPayload, moved: Bool) -> Bool {
    guard message.packet != 0 else { return false }
    var hasUnnamed = moved
    for i in 0..<payload.count { if case .absent = payload.object(i).time { hasUnnamed = true } }
    // What was moved when it came first may be on time when it comes again.
    guard log.unnamed.mayBeRedelivery() || hasUnnamed else { return false }
    let hash = ByteHash.of(message.payload, seed: ByteHash.of(message.topic))
    if log.unnamed.takeRedelivery(packet: message.packet, hash: hash) { return true }
    guard hasUnnamed else { return false }
    log.unnamed.remember(packet: message.packet, hash: hash)
    batch.unnamedMessage(packet: message.packet, hash: hash)
    return false
  }

  /// How far the message's times are moved back, so that its newest has the arrival time: 0 unless it is too far ahead of a clock that can be believed.
  private func timeOffset(_ payload: borrowing DecodedPayload, _ device: Int) -> Milliseconds {
    guard let newest = newest(of: payload, device, where: { _ in true }) else { return 0 }
    doubt.heard(device, ts: newest, clock: now)
    guard newest - now > Self.aheadMax, !doubt.isDoubtful else { return 0 }
    // What holds no reading, or is rejected, moves none.
    guard let reading = self.newest(of: payload, device, where: { hasReading($0, device) }), reading - now > Self.aheadMax else { return 0 }
    return reading - now
  }

  /// The newest time of the objects that are the device's and well formed.
  private func newest(of payload: borrowing DecodedPayload, _ device: Int, where isMeant: (DecodedObject) -> Bool) -> Timestamp? {
    var newest: Timestamp?
    for i in 0..<payload.count {
      let object = payload.object(i)
      guard case .at(let ts) = object.time, newest.map({ ts > $0 }) ?? true, !object.isMalformed,
        !object.names(otherDeviceThan: devices.id(device)), isMeant(object)
      else { continue }
      newest = ts
    }
    return newest
  }

  private func hasReading(_ object: DecodedObject, _ device: Int) -> Bool {
    var hint = 0
    return (0..<object.valueCount).contains { i in
      let value = object.value(i)
      guard let metric = metric(named: value, devices.profileIndex(device), &hint) else { return false }
      switch value.content {
      case .number: return true
      case .null: return !value.quality.isGood
      case .text: return devices.profile(device).metrics[metric].words[value.text] != nil
      case .notFinite, .malformed: return false
      }
    }
  }

  private func ingest(_ object: DecodedObject, _ message: MessageInput, _ device: Int, offset: Milliseconds, redelivered: Bool) {
    if isMalformed(object) {
      return rejectReading(message, .malformed, device, "an object of the array needs \"values\", and \"ts\" and \"status\" as documented")
    }
    if object.names(otherDeviceThan: devices.id(device)) { return rejectReading(message, .wrongTopic, device, "\"device\" names another") }
    let ts: Timestamp
    switch object.time {
    case .at(let own): ts = own - offset
    case .absent, .malformed:
      cover(device, at: now)
      ts = arrival(of: object, device)
    }
    // What is too old is rejected, and asks nothing of chunks.
    if !isTooOld(ts, device) { cover(device, at: ts) }
    batch.object(ts: ts)
    let profile = devices.profileIndex(device)
    var fresh: UInt64 = 0
    var hint = 0
    for i in 0..<object.valueCount {
      let value = object.value(i)
      guard let metric = metric(named: value, profile, &hint) else {
        if case .null = value.content, value.quality.isGood { continue }
        rejectReading(message, .unknownMetric, device, "no metric \(value.name)")
        continue
      }
      guard let reading = reading(of: value, device, metric, ts, moved: offset != 0, message) else { continue }
      if store(reading, device, metric, message, redelivered: redelivered) { fresh |= 1 << UInt64(metric) }
    }
    if !open.stale.isEmpty { freshen(device) }
    guard fresh != 0 else { return }
    for binding in program.bindings(of: device) where program.triggers(of: binding) & fresh != 0 {
      if doubt.isDoubtful, program.usesClock(binding) { continue }
      judge(binding, at: ts)
    }
    for link in program.memberLinks(of: device) where program.groupTriggers(ofLink: link) & fresh != 0 {
      let binding = program.groupBinding(ofLink: link)
      if !doubt.isDoubtful || !program.usesClock(binding) { evaluate(binding, at: ts) }
    }
  }

  /// The arrival time, plus 1 ms while one of the object's series has a reading there already. Series that take turns at the
  /// milliseconds, as no device of good faith has them, are passed as a whole.
  private func arrival(of object: DecodedObject, _ device: Int) -> Timestamp {
    var ts = now
    for _ in 0..<64 {
      let before = ts
      eachSeries(of: object, device) { ts = heads.firstFree($0, from: ts) }
      if ts == before { return ts }
    }
    eachSeries(of: object, device) { ts = max(ts, (heads.newest($0) ?? ts) + 1) }
    return ts
  }

  private func eachSeries(of object: DecodedObject, _ device: Int, _ body: (SeriesID) -> Void) {
    var hint = 0
    for i in 0..<object.valueCount {
      if let metric = metric(named: object.value(i), devices.profileIndex(device), &hint) { body(devices.series(device, metric)) }
    }
  }

  /// Devices send their metrics in one order: the search begins behind the last one found.
  private func metric(named value: DecodedValue, _ profile: Int, _ hint: inout Int) -> Int? {
    let count = devices.metricCount(profile)
    for step in 0..<count {
      let metric = hint + step < count ? hint + step : hint + step - count
      if value.isNamed(devices.metricName(profile, metric)) {
        hint = metric + 1 < count ? metric + 1 : 0
        return metric
      }
    }
    return nil
  }

  /// Nil for what is nothing (null while measuring) and what was rejected.
  private func reading(
    of value: DecodedValue, _ device: Int, _ metric: Int, _ ts: Timestamp, moved: Bool, _ message: MessageInput
  ) -> Reading? {
    var quality = moved ? value.quality.moved : value.quality
    let number: Double
    switch value.content {
    case .number(let n): number = n
    case .null:
      if value.quality.isGood { return nil }
      number = .nan
    case .text:
      guard let mapped = devices.profile(device).metrics[metric].words[value.text] else {
        rejectReading(message, .malformed, device, "the profile maps no number to \"\(value.text.prefix(40))\"")
        return nil
      }
      number = mapped
    case .notFinite:
      rejectReading(message, .notFinite, device, "\(value.name) is beyond every number")
      return nil
    case .malformed:
      rejectReading(message, .malformed, device, "\(value.name) is neither number, boolean, string nor null")
      return nil
    }
    if number.isFinite, devices.isOutOfRange(device, metric, number) { quality = moved ? Quality.range.moved : .range }
    return Reading(series: devices.series(device, metric), ts: ts, value: number, quality: quality)
  }

  /// Beyond retention, which a clock that may be wrong cannot tell, or without a place in the ring.
  private func isTooOld(_ ts: Timestamp, _ device: Int) -> Bool {
    ts.milliseconds < keptFrom[device] || now - ts > settings.rawRetention && !doubt.isDoubtful
  }

  /// Stores a reading where it belongs. True where it is its series' newest good one.
  private func store(_ reading: Reading, _ device: Int, _ metric: Int, _ message: MessageInput, redelivered: Bool) -> Bool {
    if redelivered {
      counters.readingsReceived += 1
      counters.readingsDuplicate += 1
      return false
    }
    if isTooOld(reading.ts, device) {
      rejectReading(message, .tooOld, device, "ts \(reading.ts.rfc3339)")
      return false
    }
    let outcome = heads.insert(reading)
    switch outcome {
    case .conflict:
      rejectReading(message, .conflict, device, "another value of ts \(reading.ts.rfc3339) was there first")
      return false
    case .duplicate:
      counters.readingsReceived += 1
      counters.readingsDuplicate += 1
      return false
    case .appended, .inserted: break
    }
    counters.readingsReceived += 1
    counters.readingsStored += 1
    batch.reading(reading)
    rings.note(reading.series, ts: reading.ts.milliseconds)
    evaluator.inserted(device: device, metric: metric, reading: reading, heads: heads)
    return noteNewest(reading)
  }

  /// True where the reading is the newest good one of its series.
  @discardableResult
  func noteNewest(_ reading: Reading) -> Bool {
    guard reading.quality.isGood, reading.hasValue, reading.ts.milliseconds > newestGood[reading.series.int] else { return false }
    newestGood[reading.series.int] = reading.ts.milliseconds
    return true
  }

  // MARK: Rejects

  private func reject(_ message: MessageInput, _ reason: RejectReason, device: Int?, _ detail: String) {
    counters.messagesRejected[Int(reason.rawValue)] += 1
    keepSample(message, reason, device, detail)
  }

  private func rejectUnknown(_ message: MessageInput, _ device: String) {
    counters.messagesRejected[Int(RejectReason.unknownDevice.rawValue)] += 1
    if let name = unknownDevices.sampleDue(device, at: now) { append(message, .unknownDevice, device: name, "") }
  }

  private func rejectReading(_ message: MessageInput, _ reason: RejectReason, _ device: Int, _ detail: String) {
    counters.readingsReceived += 1
    counters.readingsRejected[Int(reason.rawValue)] += 1
    keepSample(message, reason, device, detail)
  }

  /// One sample a reason and device in a batch: a flood costs no more than its first message.
  private func keepSample(_ message: MessageInput, _ reason: RejectReason, _ device: Int?, _ detail: @autoclosure () -> String) {
    guard changes.rejectKeys.insert(Int(reason.rawValue) + 16 * ((device ?? -1) + 1)).inserted else { return }
    append(message, reason, device: device.map { registry.devices[$0].id } ?? "", detail())
  }

  private func append(_ message: MessageInput, _ reason: RejectReason, device: String, _ detail: String) {
    changes.rejects.append(
      RejectSample(
        reason: reason, device: device, at: now, topic: String(decoding: message.topic.prefix(512), as: UTF8.self),
        payload: Array(message.payload.prefix(RejectSample.payloadMax)), detail: detail))
  }
}
