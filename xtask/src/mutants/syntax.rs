//! What stands where in a source file: the parts of what mutants change.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::Result;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprMatch, ExprStruct, Member, UnOp};

/// The changeable parts of a file, each by where its mutants begin.
#[derive(Debug, Default)]
pub struct Syntax {
    /// By operators.
    pub operations: HashMap<usize, Operation>,
    /// By signs.
    pub signs: HashMap<usize, Signed>,
    /// By arms.
    pub arms: HashMap<usize, Arm>,
    /// By fields.
    pub fields: HashMap<usize, Field>,
}

/// Two operands and what is between them.
#[derive(Clone, Debug)]
pub struct Operation {
    /// With both operands.
    pub whole: Range<usize>,
    /// What stands before the operator.
    pub left: Range<usize>,
    /// What stands behind it.
    pub right: Range<usize>,
    /// How the operands are evaluated.
    pub kind: Kind,
}

/// How the operands of an operator are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The left one and, if need be, the right one.
    Logic,
    /// The same beside a `let`, where no other operator may stand.
    Chain,
    /// Both by reference.
    Comparison,
    /// Both by value.
    Arithmetic,
    /// The left one is a place.
    Assignment,
}

/// A sign and its operand.
#[derive(Clone, Debug)]
pub struct Signed {
    /// With the sign.
    pub whole: Range<usize>,
    /// What follows the sign.
    pub operand: Range<usize>,
    /// Whether the sign is a minus.
    pub minus: bool,
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// What must match.
    pub pattern: Range<usize>,
    /// What must hold beside.
    pub guard: Option<Range<usize>>,
    /// The `match`.
    pub whole: Range<usize>,
}

/// A field of a struct expression that has a base.
#[derive(Clone, Debug)]
pub struct Field {
    /// With its name.
    pub whole: Range<usize>,
    /// Its name.
    pub name: String,
    /// Its value, which may be its name.
    pub value: Range<usize>,
    /// The struct expression.
    pub of: Range<usize>,
    /// What gives the fields that are not named.
    pub base: Range<usize>,
}

/// Reads a source file.
pub fn syntax(source: &str) -> Result<Syntax> {
    let file = syn::parse_file(source)?;
    let mut syntax = Syntax::default();
    syntax.visit_file(&file);
    Ok(syntax)
}

impl<'ast> Visit<'ast> for Syntax {
    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Binary(binary) => {
                let operation = Operation {
                    whole: range(binary),
                    left: range(&binary.left),
                    right: range(&binary.right),
                    kind: kind(&binary.op),
                };
                let chained = has_let(expression);
                let at = range(&binary.op).start;
                // An inner part of a chain has been seen with the whole.
                let entry = self.operations.entry(at).or_insert(operation);
                if chained {
                    entry.kind = Kind::Chain;
                    self.chain(expression);
                }
            }
            Expr::Unary(unary) => {
                let minus = matches!(unary.op, UnOp::Neg(_));
                let signed = Signed { whole: range(unary), operand: range(&unary.expr), minus };
                self.signs.insert(range(&unary.op).start, signed);
            }
            Expr::Match(matched) => self.matched(matched),
            Expr::Struct(built) => self.built(built),
            _ => {}
        }
        visit::visit_expr(self, expression);
    }
}

impl Syntax {
    /// Notes all operators of a chain that has a `let` in it.
    fn chain(&mut self, expression: &Expr) {
        let Expr::Binary(binary) = expression else { return };
        if !matches!(binary.op, BinOp::And(_)) {
            return;
        }
        let operation = Operation {
            whole: range(binary),
            left: range(&binary.left),
            right: range(&binary.right),
            kind: Kind::Chain,
        };
        self.operations.insert(range(&binary.op).start, operation);
        self.chain(&binary.left);
        self.chain(&binary.right);
    }

    fn matched(&mut self, matched: &ExprMatch) {
        for arm in &matched.arms {
            let found = Arm {
                pattern: range(&arm.pat),
                guard: arm.guard.as_ref().map(|(_, guard)| range(guard)),
                whole: range(matched),
            };
            self.arms.insert(range(arm).start, found);
        }
    }

    fn built(&mut self, built: &ExprStruct) {
        let Some(base) = &built.rest else { return };
        for field in &built.fields {
            let Member::Named(name) = &field.member else { continue };
            let found = Field {
                whole: range(field),
                name: name.to_string(),
                value: range(&field.expr),
                of: range(built),
                base: range(base),
            };
            self.fields.insert(range(field).start, found);
        }
    }
}

fn range(part: &impl Spanned) -> Range<usize> {
    part.span().byte_range()
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        _ => false,
    }
}

fn kind(operator: &BinOp) -> Kind {
    match operator {
        BinOp::And(_) | BinOp::Or(_) => Kind::Logic,
        BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
            Kind::Comparison
        }
        BinOp::Add(_)
        | BinOp::Sub(_)
        | BinOp::Mul(_)
        | BinOp::Div(_)
        | BinOp::Rem(_)
        | BinOp::BitXor(_)
        | BinOp::BitAnd(_)
        | BinOp::BitOr(_)
        | BinOp::Shl(_)
        | BinOp::Shr(_) => Kind::Arithmetic,
        _ => Kind::Assignment,
    }
}
