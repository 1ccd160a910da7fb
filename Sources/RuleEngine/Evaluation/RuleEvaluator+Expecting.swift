import CPrefetch
import DeviceRegistry
package import SeriesStore

/// What will be needed soon is asked for, and nothing is waited for: no result depends on it.
///
/// Devices speak in turn, so that of a city's windows and readings none is in the processor's caches when its turn comes. Waiting for one
/// after the other took three quarters of an evaluation.
extension RuleEvaluator {
  // Safe, all of them: addresses alone, nothing is read there.

  /// A message of the device is at hand: asks for the states of its windows and for where its readings are. To be followed, when these
  /// have come, by `expectReadings`.
  package func expect(device: Int, heads: borrowing SeriesHeads) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    let slot = slots + device
    // The states of a device lie one after the other.
    var line = states + slot.pointee.states
    let end = line + Int(slot.pointee.stateBytes)
    while line < end {
      thuong_prefetch(line)
      line += 64
    }
    for place in 0..<Int(slot.pointee.metricCount) { thuong_prefetch(heads.place(of: Int(series[Int(slot.pointee.series) + place]))) }
  }

  /// Asks for the places of its new readings.
  package func expectReadings(device: Int, heads: borrowing SeriesHeads) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    let slot = slots + device
    for place in 0..<Int(slot.pointee.metricCount) {
      let head = heads.view(Int(series[Int(slot.pointee.series) + place]))
      // The last reading stands before it, mostly in the same line.
      thuong_prefetch(head.samples + head.count)
    }
  }

  /// An evaluation of the binding is at hand, without new readings: as `expect`, for its windows alone.
  package func expect(binding: Int, heads: borrowing SeriesHeads) {
    precondition(binding < program.bindingCount, "a binding of the program")
    let slot = slots + Int(bindings[binding].subject)
    let base = states + slot.pointee.states
    thuong_prefetch(base)
    let range = compiled[Int(bindings[binding].compiled)].when
    for step in Int(range.start)..<Int(range.end) where code[step].readsWindow {
      let spec = windows + Int(code[step].operand)
      thuong_prefetch(base + Int(spec.pointee.state))
      thuong_prefetch(base + Int(spec.pointee.state) + 63)
      thuong_prefetch(heads.place(of: Int(series[Int(slot.pointee.series) + Int(spec.pointee.metric)])))
    }
  }

  /// To follow `expect(binding:heads:)`.
  package func expectReadings(binding: Int, heads: borrowing SeriesHeads) {
    precondition(binding < program.bindingCount, "a binding of the program")
    let slot = slots + Int(bindings[binding].subject)
    let base = states + slot.pointee.states
    let range = compiled[Int(bindings[binding].compiled)].when
    for step in Int(range.start)..<Int(range.end) where code[step].readsWindow {
      let spec = windows + Int(code[step].operand)
      let head = heads.view(Int(series[Int(slot.pointee.series) + Int(spec.pointee.metric)]))
      thuong_prefetch(head.samples + head.count - 1)
      expectOldest(spec, base, head.samples)
    }
  }

  /// Asks for the oldest reading of a window, which is about to leave it.
  @inline(__always)
  func expectOldest(_ spec: UnsafeMutablePointer<WindowSpec>, _ base: UnsafeMutableRawPointer, _ samples: UnsafePointer<Sample>) {
    let place = base + Int(spec.pointee.state)
    // Every state is larger than that, whatever its kind.
    thuong_prefetch(samples + Int(place.load(fromByteOffset: WindowKind.oldestOffset, as: Int32.self)))
    switch spec.pointee.kind {
    case .minimum, .maximum: place.assumingMemoryBound(to: ExtremeWindow.self).pointee.prefetch()
    default: break
    }
  }
}
