//! Pathway and Pathway_Group: statements come in, their engagement options go out.

use super::{
    Notes,
    listener::Scope,
    option,
    syntax::{Content, Statement},
};

/// A Pathway.
#[derive(Debug)]
pub(super) struct Pathway {
    /// Its name.
    pub(super) name: String,
    /// What it says.
    pub(super) scope: Scope,
}

/// A Pathway_Group.
#[derive(Debug)]
pub(super) struct Group {
    /// Its name.
    pub(super) name: String,
    /// What it says.
    pub(super) scope: Scope,
    /// The pathways in it.
    pub(super) pathways: Vec<Pathway>,
}

/// Adds a Pathway; one that is there already is added to.
pub(super) fn add(pathways: &mut Vec<Pathway>, read: Pathway) {
    match pathways.iter_mut().find(|known| known.name == read.name) {
        Some(known) => read.scope.engagement.into_iter().for_each(|one| known.scope.set(one)),
        None => pathways.push(read),
    }
}

/// Adds a Pathway_Group, in the same way.
pub(super) fn add_group(groups: &mut Vec<Group>, read: Group) {
    match groups.iter_mut().find(|known| known.name == read.name) {
        Some(known) => {
            read.scope.engagement.into_iter().for_each(|one| known.scope.set(one));
            read.pathways.into_iter().for_each(|one| add(&mut known.pathways, one));
        }
        None => groups.push(read),
    }
}

/// Reads a Pathway.
pub(super) fn read(name: String, body: Vec<Statement>, notes: &mut Notes) -> Pathway {
    let mut pathway = Pathway { name, scope: Scope::default() };
    for statement in body {
        take(&mut pathway.scope, statement, "Pathway", notes);
    }
    pathway
}

/// Reads a Pathway_Group.
pub(super) fn read_group(name: String, body: Vec<Statement>, notes: &mut Notes) -> Group {
    let mut group = Group { name, scope: Scope::default(), pathways: Vec::new() };
    for Statement { place, name, content } in body {
        match content {
            Content::Stanza { label: Some(label), body }
                if name.eq_ignore_ascii_case("pathway") =>
            {
                add(&mut group.pathways, read(label, body, notes));
            }
            content => {
                let statement = Statement { place, name, content };
                take(&mut group.scope, statement, "Pathway_Group", notes);
            }
        }
    }
    group
}

fn take(scope: &mut Scope, statement: Statement, stanza: &str, notes: &mut Notes) {
    let Statement { place, name, content } = statement;
    let setting = match &content {
        Content::Option(value) => option::engagement(&name, value),
        _ => None,
    };
    match setting {
        Some(Ok(setting)) => scope.set(setting),
        Some(Err(why)) => notes.pass_over(place, format!("{name}: {why}")),
        None => notes.unknown(place, &name, stanza),
    }
}
