//! What goes wrong, done.

use std::rc::Rc;

use super::isolate::Isolate;
use super::plan::Mishap;
use super::site::Mood;
use super::stage::{Colo, Stage};
use super::world;

/// Has something go wrong, at once.
pub fn strike(stage: &Rc<Stage>, mishap: Mishap) {
    let until = |span: i64| world::elapsed() + span;
    match mishap {
        Mishap::Clock(isolate, jump) => world::jump(isolate, jump),
        Mishap::Colo(isolate) => *stage.colo(isolate).borrow_mut() = Colo::default(),
        Mishap::Evict(which) => {
            let keys = stage.store.borrow().model.keys();
            if let Some(key) = keys.get((which % keys.len().max(1) as u64) as usize) {
                world::note(|| format!("evicted {}", String::from_utf8_lossy(key)));
                stage.store.borrow_mut().evict(key);
            }
        }
        Mishap::EvictLedger => {
            let keys = stage.store.borrow().model.keys();
            let ledgers = keys.iter().filter(|key| key.ends_with(b"ledger"));
            ledgers.for_each(|key| stage.store.borrow_mut().evict(key));
        }
        Mishap::Hang(span) => stage.wiring.borrow_mut().hangs_until = until(span),
        Mishap::Kill(isolate) => kill(stage, isolate),
        Mishap::Lag(behind, span) => {
            let mut wiring = stage.wiring.borrow_mut();
            (wiring.behind, wiring.lags_until) = (behind, until(span));
        }
        Mishap::Lose(executed) => stage.wiring.borrow_mut().loses = Some(executed),
        Mishap::Mood(mood, span) => {
            stage.mood.set(mood);
            let stage = Rc::clone(stage);
            world::spawn(None, async move {
                world::sleep(span).await;
                stage.mood.set(Mood::Well);
            });
        }
        Mishap::Nonsense(nonsense, span) => {
            stage.wiring.borrow_mut().nonsense = Some((nonsense, until(span)));
        }
        Mishap::Restart(keeps, span) => {
            stage.wiring.borrow_mut().away_until = until(span);
            stage.store.borrow_mut().forget_scripts();
            if !keeps {
                let keys = stage.store.borrow().model.keys();
                keys.iter().for_each(|key| stage.store.borrow_mut().evict(key));
            }
        }
        Mishap::ScriptFlush => stage.store.borrow_mut().forget_scripts(),
    }
}

/// Ends an isolate with all its requests wherever they are, and starts its successor.
fn kill(stage: &Rc<Stage>, number: usize) {
    world::kill(|_, owner| owner == Some(number));
    stage.laws.borrow_mut().killed(number);
    let successor = Isolate::new(stage, number);
    stage.isolates.borrow_mut()[number] = successor;
}
