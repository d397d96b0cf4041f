//! What is shown of a program that is watched, as text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dotvm::Observation;
use dotvm_isa::ops::Service;

use crate::commands::run::verbose::resident_bytes;
use crate::units::{show_size, show_time};

/// A program of which there was nothing new for so long does nothing.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// Functions that are shown.
const FUNCS_SHOWN: usize = 5;

/// A program that is watched.
pub(super) struct View {
    program: String,
    start: Instant,
    /// What was last seen, and what before that, for what is told by the second.
    last: Option<Observation>,
    before: Option<Observation>,
}

impl View {
    /// Of a program that starts now.
    pub(super) fn new(program: String) -> View {
        View {
            program,
            start: Instant::now(),
            last: None,
            before: None,
        }
    }

    fn see(&mut self, latest: Option<Observation>) {
        let is_new = |it: &Observation| self.last.as_ref().is_none_or(|last| last.at < it.at);
        if let Some(latest) = latest.filter(is_new) {
            self.before = self.last.replace(latest);
        }
    }

    /// All that is known, in lines.
    pub(super) fn lines(&mut self, latest: Option<Observation>, now: Instant) -> Vec<String> {
        self.see(latest);
        let elapsed = show_seconds(now - self.start);
        let mut lines = vec![format!("── {}, {elapsed}", self.program)];
        let Some(last) = &self.last else {
            lines[0] += ", waiting";
            return lines;
        };
        let idle = now.saturating_duration_since(last.at);
        if idle > IDLE_TIME {
            let _ = write!(lines[0], ", idle for {}", show_seconds(idle));
        }
        let mut line = |name: &str, text: String| lines.push(format!("{name:<11} {text}"));
        let mut time = format!("{} of the processor", show_seconds(last.time));
        if let Some(fuel) = last.fuel {
            let _ = write!(time, "; fuel {fuel}{}", self.rate(fuel, |it| it.fuel));
        }
        line("time", time);
        let tier = &last.tier;
        line(
            "native",
            format!(
                "{} functions and {} loops, {}, compiled in {}",
                tier.compiled_funcs + tier.loaded_funcs,
                tier.compiled_loops,
                show_size(tier.code_bytes + tier.loaded_bytes),
                show_time(tier.compile_time)
            ),
        );
        let usage = &last.usage;
        let mut memory = format!("linear {}", show_size(usage.memory_bytes));
        for (name, bytes) in [
            ("objects", usage.object_bytes),
            ("exceptions", usage.exception_bytes),
            ("handles", usage.handle_bytes),
            ("tables", usage.table_bytes),
        ] {
            if bytes > 0 {
                let _ = write!(memory, ", {name} {}", show_size(bytes));
            }
        }
        if let Some(bytes) = resident_bytes("VmRSS:") {
            let _ = write!(memory, "; process {}", show_size(bytes));
        }
        line("memory", memory);
        let (heap, gc) = (&last.heap, &last.gc);
        if heap.allocations > 0 {
            let rate = self.rate(heap.allocations, |it| Some(it.heap.allocations));
            let (live, bytes) = (heap.live_blocks, show_size(heap.live_bytes));
            line(
                "blocks",
                format!("{live} live, {bytes}; {} allocated{rate}", heap.allocations),
            );
        }
        if gc.young_collections + gc.full_collections > 0 {
            line(
                "collections",
                format!(
                    "{} young, {} full, {} in all, the longest {}",
                    gc.young_collections,
                    gc.full_collections,
                    show_time(gc.pause_total),
                    show_time(gc.pause_max)
                ),
            );
        }
        let rate = self.rate(last.host_calls, |it| Some(it.host_calls));
        line("host calls", format!("{}{rate}", last.host_calls));
        let services = last.services.iter().map(|&(service, count)| {
            let rate = self.rate(count, |it| count_of(it, service));
            format!("{} {count}{rate}", service.op().info().mnemonic)
        });
        let services: Vec<String> = services.collect();
        if !services.is_empty() {
            line("services", services.join(", "));
        }
        for (i, function) in last.functions.iter().take(FUNCS_SHOWN).enumerate() {
            let name = if i == 0 { "hottest" } else { "" };
            let kind = if function.is_native {
                "native"
            } else {
                "interpreted"
            };
            let text = format!(
                "{:5.1} %  {kind:<11}  {}",
                function.share * 100.0,
                name_of(function)
            );
            line(name, text);
        }
        lines
    }

    /// The most important of it, in one line.
    pub(super) fn line(&mut self, latest: Option<Observation>, now: Instant) -> String {
        self.see(latest);
        let mut text = format!("watch: {}", show_seconds(now - self.start));
        let Some(last) = &self.last else {
            return text + ", waiting";
        };
        let _ = write!(text, ", {} of the processor", show_seconds(last.time));
        let idle = now.saturating_duration_since(last.at);
        if idle > IDLE_TIME {
            let _ = write!(text, ", idle for {}", show_seconds(idle));
        }
        if let Some(fuel) = last.fuel {
            let _ = write!(text, ", fuel {fuel}");
        }
        let linear = last.usage.memory_bytes + last.usage.object_bytes;
        let _ = write!(text, ", memory {}", show_size(linear));
        let native = last.functions.iter().filter(|it| it.is_native);
        let native = native.fold(0.0, |sum, it| sum + it.share);
        let _ = write!(text, ", {:.0} % native", native * 100.0);
        if let Some(hottest) = last.functions.first() {
            let share = hottest.share * 100.0;
            let _ = write!(text, ", {share:.0} % in {}", name_of(hottest));
        }
        text
    }

    /// How much more there is each second, in parentheses; nothing where that is not known.
    fn rate(&self, now: u64, of: impl Fn(&Observation) -> Option<u64>) -> String {
        let (Some(last), Some(before)) = (&self.last, &self.before) else {
            return String::new();
        };
        let seconds = (last.at - before.at).as_secs_f64();
        let more = now.saturating_sub(of(before).unwrap_or_default());
        format!(
            " ({}/s)",
            (more as f64 / seconds.max(f64::MIN_POSITIVE)) as u64
        )
    }
}

fn count_of(observation: &Observation, service: Service) -> Option<u64> {
    let services: HashMap<Service, u64> = observation.services.iter().copied().collect();
    services.get(&service).copied()
}

fn show_seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn name_of(function: &dotvm::WatchedFunction) -> String {
    match &function.name {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name))
            .escape_debug()
            .to_string(),
        None => format!("function {}", function.func_index),
    }
}
