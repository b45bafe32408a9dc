//! How long the parts of some work take, for who asks: a device is waited for at the end of each.

use std::time::Instant;

use candle_core::Device;

use crate::error::Result;

/// A stopwatch that is read at the end of each part.
#[derive(Debug)]
pub struct Laps {
    /// None where nobody asks: then no device is waited for.
    device: Option<Device>,
    last: Instant,
    parts: Vec<(&'static str, f64)>,
}

impl Laps {
    /// A stopwatch that measures nothing.
    pub fn off() -> Self {
        Self { device: None, last: Instant::now(), parts: Vec::new() }
    }

    /// A stopwatch that starts now, for work on this device.
    ///
    /// # Errors
    /// The device failed in what it did before.
    pub fn on(device: &Device) -> Result<Self> {
        device.synchronize()?;
        Ok(Self { device: Some(device.clone()), ..Self::off() })
    }

    /// Ends a part: the time since the last one belongs to it, added to what it had.
    ///
    /// # Errors
    /// The device failed.
    pub fn end(&mut self, part: &'static str) -> Result<()> {
        let Some(device) = &self.device else { return Ok(()) };
        device.synchronize()?;
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        self.last = now;
        match self.parts.iter_mut().find(|(name, _)| *name == part) {
            Some((_, sum)) => *sum += seconds,
            None => self.parts.push((part, seconds)),
        }
        Ok(())
    }

    /// The parts in the order in which they first ended.
    ///
    /// # Units  seconds
    pub fn parts(&self) -> &[(&'static str, f64)] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() -> Result<()> {
        let started = Instant::now();
        let mut laps = Laps::on(&Device::Cpu)?;
        for part in ["forward", "backward", "forward"] {
            std::thread::sleep(std::time::Duration::from_millis(3));
            laps.end(part)?;
        }
        let whole = started.elapsed().as_secs_f64();
        let names: Vec<_> = laps.parts().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["forward", "backward"]);
        let [forward, backward] = [0, 1].map(|part| laps.parts()[part].1);
        assert!(forward >= 0.006 && backward >= 0.003 && forward + backward <= whole, "{forward} {backward} {whole}");
        Ok(())
    }

    #[test]
    fn nothing_is_measured_unasked() -> Result<()> {
        let mut laps = Laps::off();
        laps.end("forward")?;
        assert!(laps.parts().is_empty());
        Ok(())
    }
}
