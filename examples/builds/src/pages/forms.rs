//! The forms that change the catalogue: POST, then a redirect to the page that shows the change.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{Making, page};
use crate::api::number;
use crate::catalogue::{self, UserName};
use crate::draft::Sheet;
use crate::fault::{Fault, Wrong};
use crate::reader;
use crate::representation::{Keeping, Representation};
use crate::site::Site;
use crate::{words, writes};

/// `GET /builds/new`
pub async fn blank(State(site): State<Site>, fields: HeaderMap) -> Result<Response, Fault> {
    let Some((author, making)) = signed_in(&site, &fields).await? else {
        return Ok(ask_who("/builds/new"));
    };
    let form = New { author, making }.form(&Sheet::blank(), &[]);
    Ok(Representation::page(form, Keeping::Private).into_response())
}

/// `POST /builds`
pub async fn create(
    State(site): State<Site>,
    fields: HeaderMap,
    sheet: Result<Form<Sheet>, FormRejection>,
) -> Result<Response, Fault> {
    let Some((author, making)) = signed_in(&site, &fields).await? else {
        return Ok(ask_who("/builds/new"));
    };
    let Form(sheet) = sheet.map_err(unreadable)?;
    let draft = match sheet.draft(author.id) {
        Ok(draft) => draft,
        Err(wrong) => return Ok(again(&New { author, making }.form(&sheet, &wrong))),
    };
    let (change, _) = site.change(move |session| writes::create(session, &draft)).await?;
    see(&format!("/builds/{}", change.build))
}

/// `GET /builds/{id}/edit`
pub async fn filled(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: HeaderMap,
) -> Result<Response, Fault> {
    let id = number("build", &id)?;
    let Some((reader, making)) = signed_in(&site, &fields).await? else {
        return Ok(ask_who(&format!("/builds/{id}/edit")));
    };
    let read = site.database.read(move |session| catalogue::build(session, id)).await?;
    let making = making.and(&read);
    let author = read.value.card.author.clone();
    if author.id != reader.id {
        let markup = not_yours(id, &author, &reader, &making);
        let page = Representation::page(markup, Keeping::Private).status(StatusCode::FORBIDDEN);
        return Ok(page.into_response());
    }
    let form = Change { build: id, author, making }.form(&Sheet::of(read.value), &[]);
    Ok(Representation::page(form, Keeping::Private).into_response())
}

/// `POST /builds/{id}`
pub async fn edit(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: HeaderMap,
    sheet: Result<Form<Sheet>, FormRejection>,
) -> Result<Response, Fault> {
    let id = number("build", &id)?;
    let Some((author, making)) = signed_in(&site, &fields).await? else {
        return Ok(ask_who(&format!("/builds/{id}/edit")));
    };
    let Form(sheet) = sheet.map_err(unreadable)?;
    let draft = match sheet.draft(author.id) {
        Ok(draft) => draft,
        Err(wrong) => return Ok(again(&Change { build: id, author, making }.form(&sheet, &wrong))),
    };
    site.change(move |session| writes::edit(session, id, &draft)).await?;
    see(&format!("/builds/{id}"))
}

/// `POST /builds/{id}/like`
pub async fn like(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: HeaderMap,
) -> Result<Response, Fault> {
    let id = number("build", &id)?;
    let Some((user, _)) = signed_in(&site, &fields).await? else {
        return Ok(ask_who(&format!("/builds/{id}")));
    };
    site.change(move |session| writes::like(session, id, user.id)).await?;
    see(&format!("/builds/{id}"))
}

/// The form of a new build.
struct New {
    author: UserName,
    making: Making,
}

impl New {
    fn form(&self, sheet: &Sheet, wrong: &[Wrong]) -> Markup {
        let content = editor("New build", "/builds", &self.author, sheet, wrong);
        page("New build", &self.making, &content)
    }
}

/// The form of a build that is there.
struct Change {
    build: i64,
    author: UserName,
    making: Making,
}

impl Change {
    fn form(&self, sheet: &Sheet, wrong: &[Wrong]) -> Markup {
        // The build's own URL: a cache forgets it when it sees the POST (RFC 9111 §4.4).
        let action = format!("/builds/{}", self.build);
        let content = editor("Edit build", &action, &self.author, sheet, wrong);
        page("Edit build", &self.making, &content)
    }
}

/// The user whom the cookie names, and what it took to find out.
async fn signed_in(site: &Site, fields: &HeaderMap) -> Result<Option<(UserName, Making)>, Fault> {
    let Some(id) = reader::user(fields) else { return Ok(None) };
    let read = site.database.read(move |session| catalogue::user(session, id)).await;
    match read {
        Ok(read) => {
            let making = Making::of(&read);
            Ok(Some((UserName { id, name: read.value.name }, making)))
        }
        Err(fault) if fault.status == StatusCode::NOT_FOUND => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn ask_who(next: &str) -> Response {
    redirect(&format!("/me?next={next}")).unwrap_or_else(IntoResponse::into_response)
}

fn see(path: &str) -> Result<Response, Fault> {
    redirect(path)
}

fn redirect(path: &str) -> Result<Response, Fault> {
    let mut fields = HeaderMap::new();
    fields.insert(header::LOCATION, HeaderValue::from_str(path).map_err(Fault::internal)?);
    Keeping::Never.put(&mut fields);
    Ok((StatusCode::SEE_OTHER, fields).into_response())
}

fn again(form: &Markup) -> Response {
    Representation::page(form.clone(), Keeping::Never)
        .status(StatusCode::UNPROCESSABLE_ENTITY)
        .into_response()
}

fn unreadable(rejection: FormRejection) -> Fault {
    Fault::new(rejection.status(), "malformed", rejection.body_text())
}

fn not_yours(build: i64, author: &UserName, reader: &UserName, making: &Making) -> Markup {
    let content = html! {
        section.notice {
            p.code { "403" }
            h1 { "Not your build" }
            p { "You are " (reader.name) "; only " (author.name) " may edit this build." }
            form.actions method="post" action="/me" {
                input type="hidden" name="user" value=(author.id);
                input type="hidden" name="next" value={ "/builds/" (build) "/edit" };
                button.primary type="submit" { "Become " (author.name) }
                a.button href={ "/builds/" (build) } { "Back to the build" }
            }
        }
    };
    page("Not your build", making, &content)
}

fn editor(title: &str, action: &str, author: &UserName, sheet: &Sheet, wrong: &[Wrong]) -> Markup {
    html! {
        div.heading { h1 { (title) } p.muted { "as " (author.name) } }
        @if !wrong.is_empty() {
            p.alert role="alert" { "Not saved: " (wrong.len()) " of the fields need another look." }
        }
        form.panel.editor method="post" action=(action) {
            (text("title", "Title", &sheet.title, wrong, "3 to 80 characters"))
            (choice(sheet, wrong))
            (text("summary", "Summary", &sheet.summary, wrong, "A sentence, 10 to 200 characters"))
            (area("skills", "Skills", &sheet.skills, wrong, "One a line, the most important first"))
            fieldset {
                legend { "Attributes" }
                p.hint #attributes-hint { "1 to 20 points each, 60 together" }
                (complaint("attributes", wrong))
                div.points {
                    (points("might", &sheet.might, wrong))
                    (points("agility", &sheet.agility, wrong))
                    (points("focus", &sheet.focus, wrong))
                    (points("vigor", &sheet.vigor, wrong))
                    (points("luck", &sheet.luck, wrong))
                }
            }
            (area("guide", "Guide", &sheet.guide, wrong, "An empty line begins a new paragraph"))
            p.actions { button.primary type="submit" { "Save" } }
        }
    }
}

fn text(name: &str, label: &str, value: &str, wrong: &[Wrong], hint: &str) -> Markup {
    let described = format!("{name}-hint {name}-wrong");
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) value=(value) required aria-describedby=(described)
                aria-invalid=[is_wrong(name, wrong)];
            p.hint id={ (name) "-hint" } { (hint) }
            (complaint(name, wrong))
        }
    }
}

fn area(name: &str, label: &str, value: &str, wrong: &[Wrong], hint: &str) -> Markup {
    let described = format!("{name}-hint {name}-wrong");
    let rows = if name == "guide" { "10" } else { "5" };
    html! {
        div.field {
            label for=(name) { (label) }
            textarea id=(name) name=(name) rows=(rows) aria-describedby=(described)
                aria-invalid=[is_wrong(name, wrong)] { "\n" (value) }
            p.hint id={ (name) "-hint" } { (hint) }
            (complaint(name, wrong))
        }
    }
}

fn points(name: &str, value: &str, wrong: &[Wrong]) -> Markup {
    html! {
        div.field {
            label for=(name) { (name) }
            input id=(name) name=(name) value=(value) inputmode="numeric" required
                aria-describedby={ "attributes-hint " (name) "-wrong" }
                aria-invalid=[is_wrong(name, wrong)];
            (complaint(name, wrong))
        }
    }
}

fn choice(sheet: &Sheet, wrong: &[Wrong]) -> Markup {
    html! {
        div.pair {
            div.field {
                label for="class" { "Class" }
                select #class name="class" aria-invalid=[is_wrong("class", wrong)] {
                    @for class in &words::CLASSES {
                        option value=(class.id) selected[class.id == sheet.class] { (class.name) }
                    }
                }
                (complaint("class", wrong))
            }
            div.field {
                label for="difficulty" { "Difficulty" }
                select #difficulty name="difficulty" {
                    @for level in 1..=5 {
                        option value=(level) selected[sheet.difficulty == level.to_string()] {
                            (level) @if level == 1 { " (easy)" } @if level == 5 { " (hard)" }
                        }
                    }
                }
                (complaint("difficulty", wrong))
            }
        }
    }
}

fn is_wrong(name: &str, wrong: &[Wrong]) -> Option<&'static str> {
    wrong.iter().any(|wrong| wrong.field == name).then_some("true")
}

fn complaint(name: &str, wrong: &[Wrong]) -> Markup {
    html! {
        @if let Some(found) = wrong.iter().find(|found| found.field == name) {
            p.wrong id={ (name) "-wrong" } { (found.message) }
        }
    }
}
