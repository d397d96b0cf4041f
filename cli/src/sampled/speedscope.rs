//! Profiles for [speedscope](https://www.speedscope.app), in its
//! [file format](https://www.speedscope.app/file-format-schema.json).

use serde::Serialize;

use super::Sampled;

#[derive(Serialize)]
struct File<'p> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: &'static str,
    name: &'p str,
    shared: Shared<'p>,
    profiles: [Profile<'p>; 1],
}

#[derive(Serialize)]
struct Shared<'p> {
    frames: Vec<Frame<'p>>,
}

#[derive(Serialize)]
struct Frame<'p> {
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'p str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'p> {
    r#type: &'static str,
    name: &'p str,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    /// Of each sample, its frames, outermost first.
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

impl Sampled<'_> {
    /// The profile with functions as its frames, as JSON.
    ///
    /// # Errors
    /// None, unless the library has some.
    pub(super) fn speedscope(&self) -> serde_json::Result<String> {
        let samples = &self.profile.samples;
        let stack = |stack| {
            let mut frames: Vec<_> = self.frames(stack).map(|it| self.function_of[it]).collect();
            frames.reverse();
            frames
        };
        let weights = samples.iter().map(|it| it.time.as_nanos() as u64);
        let weights: Vec<u64> = weights.collect();
        let frames = self.functions.iter().map(|function| Frame {
            name: &function.name,
            file: function.file.as_deref(),
        });
        let file = File {
            schema: "https://www.speedscope.app/file-format-schema.json",
            exporter: concat!("dotvm ", env!("CARGO_PKG_VERSION")),
            name: &self.program,
            shared: Shared {
                frames: frames.collect(),
            },
            profiles: [Profile {
                r#type: "sampled",
                name: &self.program,
                unit: "nanoseconds",
                start_value: 0,
                end_value: weights.iter().sum(),
                samples: samples.iter().map(|it| stack(it.stack)).collect(),
                weights,
            }],
        };
        serde_json::to_string(&file)
    }
}
