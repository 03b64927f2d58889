(** The blocks of a label digraph: an equivalence, heights that fall along every label between blocks, labels inside
    blocks, and sums over blocks. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
From Formal Require Import definitions sums.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Lemma labelP (T : finType) (n : T -> T -> R) w l : reflect (0 < n w l) (label n w l).
Proof. by rewrite /label; case: Rlt_dec => hn; constructor. Qed.

(** What is the same along every edge is the same along every path. *)
Lemma constant_on_paths (T : finType) (e : rel T) (f : T -> R) :
  (forall a b, e a b -> f a = f b) -> forall a b, connect e a b -> f a = f b.
Proof.
move=> he a b /connectP [s]; elim: s a => [|c s ih] a /=; first by move=> _ ->.
by move=> /andP [/he -> hs]; exact: ih.
Qed.

Section Blocks.
Variables (T : finType) (n : T -> T -> R).
Hypothesis n_ge0 : weights n.
Notation same := (same_block n).
Notation reaches := (connect (label n)).

Lemma no_label w l : ~~ label n w l -> n w l = 0.
Proof. by move/labelP; case: (n_ge0 w l) => [//|->]. Qed.

Lemma same_refl a : same a a.
Proof. by rewrite /same_block connect0. Qed.

Lemma same_sym a b : same a b = same b a.
Proof. by rewrite /same_block andbC. Qed.

Lemma same_trans b a c : same a b -> same b c -> same a c.
Proof.
move=> /andP [ab ba] /andP [bc cb].
by rewrite /same_block (connect_trans ab bc) (connect_trans cb ba).
Qed.

Lemma same_eq a b : same a b -> same a =1 same b.
Proof.
move=> ab c; apply/idP/idP; last exact: same_trans.
by apply: same_trans; rewrite same_sym.
Qed.

Lemma same_of_return w l : label n w l -> reaches l w -> same w l.
Proof. by move=> e back; rewrite /same_block (connect1 e). Qed.

Lemma no_joins_iff : (forall w l, ~ joins_two_blocks n w l) <-> (forall w l, label n w l -> same w l).
Proof.
split=> hn w l; last by case=> /hn ->.
by move=> e; apply: negbNE; apply/negP => no; apply: (hn w l).
Qed.

(** ** Heights: how many responses one reaches *)

Definition height a := INR #|[pred c | reaches a c]|.

Lemma height_same a b : same a b -> height a = height b.
Proof.
move=> /andP [ab ba]; congr INR; apply: eq_card => c; rewrite !inE.
by apply/idP/idP; exact: connect_trans.
Qed.

Lemma height_falls w l : label n w l -> ~~ same w l -> height l + 1 <= height w.
Proof.
move=> e no; rewrite /height -S_INR; apply: le_INR; apply/leP; apply: proper_card; apply/properP; split.
  by apply/subsetP => c; rewrite !inE; exact: connect_trans (connect1 e).
exists w; rewrite !inE ?connect0 //; apply/negP => back.
by move/negP: no; apply; exact: same_of_return.
Qed.

(** ** Labels inside blocks *)

Lemma inside_ge0 : weights (inside n).
Proof. by move=> w l; rewrite /inside; case: ifP => _; [exact: n_ge0|lra]. Qed.

Lemma inside_label w l : label (inside n) w l = same w l && label n w l.
Proof.
apply/labelP/andP; rewrite /inside; last by case=> -> /labelP.
by case: ifP => [_ /labelP //|_]; lra.
Qed.

Lemma inside_reaches a b : same a b -> connect (label (inside n)) a b.
Proof.
case/andP => /connectP [p]; elim: p a => [|c p ih] a /=; first by move=> _ ->.
case/andP => ac hp eb back; have cb : reaches c b by apply/connectP; exists p.
apply: connect_trans (ih c hp eb (connect_trans back (connect1 ac))).
by apply: connect1; rewrite inside_label ac (same_of_return ac (connect_trans cb back)).
Qed.

Lemma inside_returns w l : label (inside n) w l -> connect (label (inside n)) l w.
Proof. by rewrite inside_label => /andP [h _]; apply: inside_reaches; rewrite same_sym. Qed.

Lemma inside_all : (forall w l, label n w l -> same w l) -> forall w l, inside n w l = n w l.
Proof.
move=> all w l; rewrite /inside; case: ifP => // /negbT no; rewrite no_label //.
by apply: contra no; exact: all.
Qed.

(** What agrees on the labels inside blocks agrees on blocks. *)
Lemma constant_on_blocks (f : T -> R) : (forall w l, label n w l -> same w l -> f w = f l) ->
  forall a b, same a b -> f a = f b.
Proof.
move=> hf a b /inside_reaches; apply: constant_on_paths => {a b} w l.
by rewrite inside_label => /andP [s e]; exact: hf.
Qed.

(** ** Sums over blocks *)

Lemma connect_same : connect same =2 same.
Proof.
move=> a b; apply/idP/idP => [/connectP [p]|]; last exact: connect1.
elim: p a => [|c p ih] a /=; first by move=> _ ->; exact: same_refl.
by case/andP => ac hp eb; apply: same_trans (ih c hp eb).
Qed.

Lemma same_connect_sym : connect_sym same.
Proof. by move=> a b; rewrite !connect_same same_sym. Qed.

Lemma of_block_ge0 a : weights (of_block n a).
Proof. by move=> w l; rewrite /of_block; case: ifP => _; [exact: n_ge0|lra]. Qed.

Lemma one_root w (v : R) : \Sum_(a | roots same a) (if same a w then v else 0) = v.
Proof.
have hr : same (root same w) w by rewrite same_sym -connect_same connect_root.
rewrite (bigD1 (root same w)) /=; last exact: (roots_root same_connect_sym).
rewrite hr big1 ?Rplus_0_r // => a /andP [/eqP ra /eqP ne]; case: ifP => // aw; case: ne.
by rewrite -ra; apply/(rootP same_connect_sym); rewrite connect_same.
Qed.

Lemma sum_of_blocks (g : T -> T -> R) :
  \Sum_(a | roots same a) \Sum_w \Sum_l (of_block n a w l * g w l) = \Sum_w \Sum_l (inside n w l * g w l).
Proof.
rewrite exchange_big; apply: eq_bigr => w _; rewrite exchange_big; apply: eq_bigr => l _.
rewrite /inside; case wl : (same w l).
  rewrite -(one_root w (n w l * g w l)); apply: eq_bigr => a _; rewrite /of_block.
  have -> : same a l = same a w by rewrite same_sym (same_sym a) -(same_eq wl).
  by rewrite andbb; case: ifP => _; lra.
rewrite big1 => [|a _]; first lra.
rewrite /of_block; case: ifP => [/andP [aw al]|_]; last lra.
by move: wl; rewrite (same_trans _ al) // same_sym.
Qed.
End Blocks.
