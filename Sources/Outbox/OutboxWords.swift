package import Alerting
package import Readings

/// What operators read of deliveries and sinks.
extension OperatorText {
  package static func name(of state: DeliveryState) -> BilingualText {
    switch state {
    case .waiting: BilingualText(vi: "đang chờ gửi", en: "waiting")
    case .delivered: BilingualText(vi: "đã nhận", en: "delivered")
    case .dead: BilingualText(vi: "không gửi được", en: "dead")
    }
  }

  package static func name(of condition: SinkCondition) -> BilingualText {
    switch condition {
    case .ok: BilingualText(vi: "bình thường", en: "ok")
    case .behind: BilingualText(vi: "chậm", en: "behind")
    case .failing: BilingualText(vi: "lỗi liên tiếp", en: "failing")
    case .stopped: BilingualText(vi: "đã dừng", en: "stopped")
    }
  }
}
