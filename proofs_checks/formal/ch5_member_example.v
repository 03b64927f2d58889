(** Chapter 5, where the flow ends in the example of chapter 3. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums blocks ch4_thresholds ch3_set_example definitions_cpo claims_cpo.
From Formal Require Import ch5_convergence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Notation a := (inord 0 : 'I_3).
Notation b := (inord 1 : 'I_3).
Notation c := (inord 2 : 'I_3).
Notation component := (connect (linked n3)).

Lemma ref3_full : full ref3.
Proof.
split=> [y|]; last by rewrite sum_ord3 /ref3 !distinct; lra.
by rewrite /ref3; case: ifP => _; [|case: ifP => _]; lra.
Qed.

Lemma n3_weights : weights n3.
Proof. by move=> w l; rewrite /n3; case: ifP => _; [|case: ifP => _]; lra. Qed.

Lemma label_ab : label n3 a b. Proof. by apply/labelP; rewrite /n3 !distinct /=; lra. Qed.
Lemma label_ba : label n3 b a. Proof. by apply/labelP; rewrite /n3 !distinct /=; lra. Qed.

Lemma n3_joins_nothing w l : ~ joins_two_blocks n3 w l.
Proof.
case=> lab /negP; apply; move: (lab) => /labelP; rewrite /n3.
case: ifP => [/andP [/eqP -> /eqP ->] _|_]; first by apply: same_of_return; [exact: label_ab|exact/connect1/label_ba].
case: ifP => [/andP [/eqP -> /eqP ->] _|_]; last lra.
by apply: same_of_return; [exact: label_ba|exact/connect1/label_ab].
Qed.

(** No label touches c. *)
Definition at_c (y : 'I_3) := if y == c then 1 else 0.

Lemma apart_from_c x y : component x y -> at_c x = at_c y.
Proof.
by apply: constant_on_paths => u v /orP [] /labelP; rewrite /n3 /at_c; case: ifP => [/andP [/eqP -> /eqP ->] _|_];
  rewrite ?distinct //; case: ifP => [/andP [/eqP -> /eqP ->] _|_]; rewrite ?distinct //; lra.
Qed.

Lemma sum_over_ab f : \Sum_(y | component a y) f y = f a + f b.
Proof.
have ac : component a c = false by apply/negP => /apart_from_c; rewrite /at_c !distinct; lra.
have ab : component a b by apply: connect1; rewrite /linked label_ab.
by rewrite -sum_if sum_ord3 connect0 ab ac; lra.
Qed.

Lemma sum_over_c f : \Sum_(y | component c y) f y = f c.
Proof.
have no y : (y == c) = false -> component c y = false.
  by move=> yc; apply/negP => /apart_from_c; rewrite /at_c eqxx yc; lra.
by rewrite -sum_if sum_ord3 connect0 !no ?distinct //; lra.
Qed.

Theorem flow_member_example_proved : flow_member_example.
Proof.
split=> [p|z flow start]; first exact: member_with_gauge.
have hb : 0 < / 2 by lra.
have [_ [p [best [ends [gauge _]]]]] := flow_member_proved ref3_full hb n3_weights n3_joins_nothing flow start.
exists p; split=> //; apply/(member_with_gauge best).
have := gauge a c; rewrite !sum_over_ab !sum_over_c.
have ratio w l := h_log_ratio ref3_full w l best.1.
by rewrite !ratio; lra.
Qed.
