"""The life of alerts, from the first poll at which a rule holds to what receivers are told."""
