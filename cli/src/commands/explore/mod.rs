//! `dotvm explore`: a page that shows a program's source, bytecode and native code side by side.
//!
//! [`model`] gathers what there is to show, [`native`] disassembles native code, [`page`] makes one file of it.

mod model;
mod native;
mod page;

use std::mem::ManuallyDrop;

use dotvm::{Config, Engine};

use crate::args::Explore;
use crate::failure::{Failure, Result};
use crate::load::load;
use crate::phases::Phases;
use crate::profile::Report;
use crate::{output, source};
use model::Model;

/// Writes a page about a program.
pub(crate) fn explore(args: &Explore) -> Result<u8> {
    let target = match &args.output {
        Some(path) => path.clone(),
        None => source::default_output(&args.input, "html")?,
    };
    output::keep_input(&args.input, &target)?;
    let profile = match &args.profile_data {
        Some(path) => {
            output::keep_input(path, &target)?;
            let report = Report::parse(&source::read(path)?);
            Some(report.map_err(|reason| Failure::at(path, reason))?)
        }
        None => None,
    };
    let engine = Engine::new(&Config::new());
    let mut phases = Phases::new(false);
    // The process ends soon.
    let module = load(&args.input, &args.source, true, &engine, &mut phases)?;
    let module = ManuallyDrop::new(module);
    let fail = |error| Failure::of(&args.input, error);
    module.verify_all().map_err(fail)?;
    let model = Model::new(&args.input, &module, profile.as_ref()).map_err(fail)?;
    if let (Some(path), true) = (&args.profile_data, model.has_nothing_of_profile()) {
        output::say(&format!(
            "warning: {}: nothing of this profile is in {}\n",
            path.display(),
            args.input.display()
        ));
    }
    let page = page::page(&model).map_err(Failure::new)?;
    output::write_file(&target, page.as_bytes())?;
    Ok(0)
}
